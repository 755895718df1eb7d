use super::*;
use crate::rng::StreamKey;
use crate::task::check_work_at;

fn hard(family: Family, complexity: Option<Vec<u32>>, length: (u32, u32), vocab_size: u32) -> Params {
    let sequence_length = Span::new(length.0, length.1);
    Params { num_examples: Span::new(1, 1), complexity, sequence_length, vocab_size, family }
}

#[test]
fn one_example_is_enough_for_every_rule_at_bounded_work() {
    for (length, vocab_size) in [((4, 4), 5), ((4, 4), 10), ((4, 4), 26), ((24, 24), 5), ((4, 12), 10), ((4, 24), 26)] {
        check_work_at::<Inducto>(hard(Family::Fixed, None, length, vocab_size));
        if length.1 > 4 {
            check_work_at::<Inducto>(hard(Family::WithComposites, None, length, vocab_size));
        }
        let mut task = Inducto::new(hard(Family::WithComposites, None, length, vocab_size)).expect("valid");
        let key = StreamKey::new("inducto", "", 1, 0);
        let mut it = Instance::default();
        for (id, rule) in rules::with_composites().iter().enumerate() {
            task.classes = vec![vec![id as u16]];
            let draw = |i: u64| {
                let mut rng = key.rng((i + 1000 * id as u64).into(), 0);
                task.sample(&mut rng, &mut it);
                rng.draws
            };
            let words = (0..60).map(draw).sum::<u64>() / 60;
            assert!(words < 150, "{rule} takes {words} words at {length:?} and {vocab_size}");
        }
    }
}

fn texts(params: Params) -> Vec<String> {
    let task = Inducto::new(params).expect("valid");
    let key = StreamKey::new("inducto", "pinned", 1, 0);
    let mut it = Instance::default();
    let mut row = Row::default();
    let draw = |i: u64| {
        task.sample(&mut key.rng(i.into(), 0), &mut it);
        row.clear();
        task.encode(&it, &mut row);
        format!("{} {}", task.params.family.rules()[usize::from(it.rule)], Inducto::vocab().decode(&row.ids))
    };
    (0..2).map(draw).collect()
}

#[test]
fn values_are_pinned() {
    let one = Span::new(1, 1);
    assert_eq!(texts(Params { num_examples: one, ..Inducto::preset(3) }), PINNED_FIXED);
    assert_eq!(
        texts(Params { family: Family::WithComposites, num_examples: one, ..Params::default() }),
        PINNED_COMPOSITES
    );
}

const PINNED_FIXED: [&str; 2] = [
    "SORT Ex1: [F E B B G E] -> [B B E E F G] | Query: [H C I D E A H I H D B] -> [A B C D D E H H H I I]",
    "SWAP_PAIRS Ex1: [C A F H A A B] -> [A C H F A A B] | Query: [J A G J D] -> [A J J G D]",
];
const PINNED_COMPOSITES: [&str; 2] = [
    "REVERSE Ex1: [G E C A C B I D E A] -> [A E D I B C A C E G] | Query: [J G I B H G B D F E] -> [E F D B G H B I G J]",
    "ROTATE_RIGHT_1_THEN_INTERLEAVE_HALVES Ex1: [B G J E A D B I] -> [I E B A G D J B] | Query: [C A F H A A B] -> [B F C H A A A]",
];

fn solved(text: &str) -> Result<String, String> {
    let mut ids = vec![BOS];
    ids.extend(Inducto::vocab().encode(text).expect("pieces"));
    let reading = Inducto::read(None, &ids, Form::Prompt).map_err(|flaw| flaw.reason)?;
    Ok(Inducto::vocab().decode(&reading.answer))
}

#[test]
fn prompts_are_solved_in_the_first_tier_that_fits() {
    let ok = |text: &str| Ok(text.to_owned());
    assert_eq!(solved("Ex1: [A B C] -> [C B A] | Ex2: [X Y Z W] -> [W Z Y X] | Query: [P Q R] ->"), ok("R Q P"));
    // Sorting backwards is no fixed rule.
    assert_eq!(solved("Ex1: [C A E B D] -> [E D C B A] | Query: [B F A D C] ->"), ok("F D C B A"));
    // The example has no letter beyond the query's, but shows where the alphabet ends.
    assert_eq!(solved("Ex1: [F C G A] -> [G D A B] | Query: [B G B F] ->"), ok("C A C G"));
    for (text, reason) in [
        ("Ex1: [A B C D] -> [D C B A] | Query: [B A C D E] ->", "ambiguous: REVERSE and REVERSE_CHUNKS_4"),
        ("Ex1: [F C A A] -> [G D B B] | Query: [B G B F] ->", "ambiguous: CAESAR_SHIFT_1 fits in alphabets of 7 and 8"),
        ("Ex1: [A B C D] -> [D D D D D] | Query: [B A C D E] ->", "no rule of the family fits"),
    ] {
        let found = solved(text);
        assert!(found.as_ref().is_err_and(|found| found.starts_with(reason)), "{text}: {found:?}");
    }
}
