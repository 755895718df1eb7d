//! The instructions of Capo.

use super::{Capo, Kind, Reverse};

pub(super) fn text(task: &Capo) -> String {
    let p = &task.params;
    let date = if p.reverse_md { "`2 of October, 1996`" } else { "`October 2, 1996`" };
    let values = format!(
        "A date of birth is written {date}, a city with its state, as in `Fresno, CA`, and a university, a field of \
         study or an employer by its full name."
    );
    let known = "The people are made up and their facts were drawn at random, so that the answer cannot be worked out \
                 from the prompt or from what is known of the world. It can only be known from training on \
                 biographies of these people; whoever was not trained on them can do no more than guess.";
    match (p.form, p.reverse) {
        (Kind::Qa, _) => format!(
            "The prompt is a question about one person, named in full, and ends with `Answer:`. It asks for one of \
             six facts: the date of birth, the city of birth, the university, the field of study, the employer, or \
             the city where the employer is. {known} {values} The answer is the value alone, without a full stop or \
             other words."
        ),
        (Kind::Bio, Reverse::Last) => format!(
            "The prompt is a short biography that calls somebody \"The person\" and tells six facts: the date of \
             birth, the city of birth, the university, the field of study, the employer, and the city where the \
             employer is. Its last sentence breaks off where the full name of this person has to stand. {known} The \
             answer is the full name alone: first, middle and last name, without a full stop or other words."
        ),
        (Kind::Bio, _) => format!(
            "The prompt is the beginning of a short biography of one person, whose full name it tells, and breaks off \
             where one of six facts has to stand: the date of birth, the city of birth, the university, the field of \
             study, the employer, or the city where the employer is. The last words before the break say which. \
             {known} {values} The answer is the value alone, what comes directly after the prompt, without a full \
             stop or the rest of the biography."
        ),
    }
}
