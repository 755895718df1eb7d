use super::*;
use crate::rng::StreamKey;
use crate::split::Split;

#[test]
fn every_split_has_graphs() {
    let [small, _] = Filtro::extremes();
    // 780 pairs of names, the smallest space there is.
    let smallest = Params { shared_vocab: true, ..small.clone() };
    for params in [Params::default(), Filtro::preset(1), Filtro::preset(2), Filtro::preset(3), small, smallest] {
        let task = Filtro::new(params).expect("valid parameters");
        let mut it = Instance::default();
        let mut counts = [0; 3];
        for i in 0..4000u64 {
            task.sample(&mut StreamKey::new("t", "", 1, 0).rng(i.into(), 0), &mut it);
            counts[Split::of(task.content(&it)) as usize] += 1;
        }
        assert!(counts.iter().all(|&count| count > 100), "{counts:?}");
    }
}
