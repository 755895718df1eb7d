//! People and the sentences that tell about them: lists of names and facts, persons without a table, wordings, and
//! reading sentences back.

pub mod lists;
pub mod people;
pub mod reading;
pub mod sentences;
pub mod writing;

/// Facts that a biography tells, a sentence each.
pub const ATTRIBUTES: usize = 6;
/// The facts, in their fixed order, and the full name, which a sentence of its own may tell at the end.
pub const TOPICS: [&str; ATTRIBUTES + 1] =
    ["birth_date", "birth_city", "university", "major", "company_city", "company", "full_name"];
/// Date of birth.
pub const DATE: usize = 0;
/// City of birth.
pub const CITY: usize = 1;
/// University.
pub const UNIVERSITY: usize = 2;
/// Field of study.
pub const MAJOR: usize = 3;
/// City of the employer's headquarters.
pub const COMPANY_CITY: usize = 4;
/// Employer.
pub const COMPANY: usize = 5;
/// The full name.
pub const NAME: usize = 6;
