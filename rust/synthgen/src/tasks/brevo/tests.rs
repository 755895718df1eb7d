use super::*;
use crate::task::check_work_at;

#[test]
fn work_is_bounded_where_half_of_all_words_are_taken() {
    check_work_at::<Brevo>(Params { n_max: 168, multi: true, ..Params::default() });
    check_work_at::<Brevo>(Params {
        n_max: 20,
        multi: true,
        mini_vocab: 40,
        min_word_len: 1,
        max_word_len: 1,
        ..Params::default()
    });
}
