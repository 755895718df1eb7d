use super::*;
use crate::rng::StreamKey;
use crate::split::Split;
use crate::task::check_work_at;

fn at(num_inputs: (u32, u32), depth: (u32, u32), width: (u32, u32), xor_percent: u32) -> Params {
    let span = |(lo, hi)| Span::new(lo, hi);
    let (num_inputs, depth, width) = (span(num_inputs), span(depth), span(width));
    Params { num_inputs, depth, width, xor_percent, ..Params::default() }
}

#[test]
fn hard_parameters_do_not_cost_many_words() {
    for xor_percent in [0, 50, 100] {
        for depth in [2, 3, 5, 8, 12] {
            for width in [1, 2, 4, 8] {
                check_work_at::<Logic>(at((3, 3), (depth, depth), (width, width), xor_percent));
            }
        }
        check_work_at::<Logic>(at((3, 8), (2, 12), (1, 8), xor_percent));
    }
}

#[test]
fn every_circuit_that_is_accepted_can_be_drawn() {
    let (mut it, mut row, mut settings) = (Instance::default(), Row::default(), 0);
    for (inputs, depth) in (3..=12).flat_map(|inputs| (2..=12).map(move |depth| (inputs, depth))) {
        for (width, xor_percent) in (1..=8).flat_map(|width| [0, 50, 100].map(|xor| (width, xor))) {
            let Ok(task) = Logic::new(at((inputs, inputs), (depth, depth), (width, width), xor_percent)) else {
                continue;
            };
            settings += 1;
            for i in 0..3u64 {
                task.sample(&mut StreamKey::new("t", "", 1, 0).rng(i.into(), 0), &mut it);
                row.clear();
                task.encode(&it, &mut row);
                let read = Logic::read(Some(&task), &row.ids, Form::Row);
                assert_eq!(read.map(|reading| reading.content), Ok(task.content(&it)));
            }
        }
    }
    assert!(settings > 2000, "{settings}");
}

#[test]
fn more_inputs_than_can_be_read_are_refused() {
    // A chain of d gates reads d + 1 inputs; wider circuits of two layers read four.
    for (depth, width, most) in [(2, 1, 3), (5, 1, 6), (2, 2, 4), (2, 8, 4), (3, 2, 6), (3, 8, 8)] {
        assert!(Logic::new(at((most, 16), (depth, depth), (width, width), 30)).is_ok(), "{depth} {width}");
        let refused = Logic::new(at((most + 1, 16), (depth, depth), (width, width), 30)).err();
        assert!(refused.is_some_and(|error| error.to_string().contains(&format!("3..={most}"))));
    }
}

#[test]
fn every_split_has_circuits_and_parities() {
    let parity = Params { mode: Mode::Parity, ..Params::default() };
    let [small, _] = Logic::extremes();
    for params in [Params::default(), Logic::preset(1), Logic::preset(2), Logic::preset(3), small, parity] {
        let task = Logic::new(params).expect("valid parameters");
        let mut it = Instance::default();
        let mut counts = [0; 3];
        for i in 0..4000u64 {
            task.sample(&mut StreamKey::new("t", "", 1, 0).rng(i.into(), 0), &mut it);
            counts[Split::of(task.content(&it)) as usize] += 1;
        }
        assert!(counts.iter().all(|&count| count > 40), "{counts:?}");
    }
}
