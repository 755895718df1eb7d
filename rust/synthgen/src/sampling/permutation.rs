//! Shuffles and samples without replacement whose values no crate update can move.

use crate::rng::TaskRng;

/// Uniform shuffle (Fisher-Yates from the end), four places per random word. At most 65535 items.
#[inline]
pub fn shuffle<T>(rng: &mut TaskRng, items: &mut [T]) {
    debug_assert!(items.len() < 1 << 16);
    rng.in_registers(|rng| {
        let mut n = items.len();
        while n >= 4 {
            let m = n as u32;
            for place in rng.below_each([m, m - 1, m - 2, m - 3]) {
                n -= 1;
                items.swap(n, place as usize);
            }
        }
        while n >= 2 {
            let place = rng.below(n as u32) as usize;
            n -= 1;
            items.swap(n, place);
        }
    });
}

/// Move a uniform ordered sample of `count` items to the front.
#[inline]
pub fn choose_front<T>(rng: &mut TaskRng, items: &mut [T], count: usize) {
    let n = items.len();
    for i in 0..count.min(n) {
        let j = i + rng.below((n - i) as u32) as usize;
        items.swap(i, j);
    }
}

/// The same as [`choose_front`] in law, four places per random word. At most 65535 items.
#[inline]
pub fn draw_front<T>(rng: &mut TaskRng, items: &mut [T], count: usize) {
    debug_assert!(items.len() < 1 << 16);
    let (n, count) = (items.len(), count.min(items.len()));
    rng.in_registers(|rng| {
        let mut i = 0;
        while i + 4 <= count {
            let m = (n - i) as u32;
            for offset in rng.below_each([m, m - 1, m - 2, m - 3]) {
                items.swap(i, i + offset as usize);
                i += 1;
            }
        }
        while i < count {
            let offset = rng.below((n - i) as u32) as usize;
            items.swap(i, i + offset);
            i += 1;
        }
    });
}

/// Turn the identity into a uniform cyclic permutation (Sattolo, An Algorithm to Generate a Random Cyclic Permutation,
/// 1986), four places per random word. At most 65535 items.
#[inline]
pub fn make_cycle<T>(rng: &mut TaskRng, items: &mut [T]) {
    debug_assert!(items.len() < 1 << 16);
    rng.in_registers(|rng| {
        let mut n = items.len();
        while n >= 5 {
            let m = n as u32;
            for place in rng.below_each([m - 1, m - 2, m - 3, m - 4]) {
                n -= 1;
                items.swap(n, place as usize);
            }
        }
        while n >= 2 {
            let place = rng.below(n as u32 - 1) as usize;
            n -= 1;
            items.swap(n, place);
        }
    });
}

/// A uniform ordered pair of distinct numbers in `0..n`; `n` must be at least 2.
#[inline]
pub fn distinct_pair(rng: &mut TaskRng, n: u32) -> (u32, u32) {
    let [i, j] = rng.below_each([n, n - 1]);
    (i, j + u32::from(j >= i))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::StreamKey;

    #[test]
    fn all_orders_are_equally_likely() {
        let mut rng = StreamKey::new("t", "", 3, 0).rng(0.into(), 0);
        let mut orders = std::collections::BTreeMap::new();
        let mut fronts = std::collections::BTreeMap::new();
        let mut pairs = std::collections::BTreeMap::new();
        let mut long_fronts = std::collections::BTreeMap::new();
        let mut cycles = std::collections::BTreeMap::new();
        for _ in 0..24_000 {
            let mut items = [0u8, 1, 2, 3];
            shuffle(&mut rng, &mut items);
            *orders.entry(items).or_insert(0u32) += 1;
            let mut items = [0u8, 1, 2, 3];
            choose_front(&mut rng, &mut items, 2);
            *fronts.entry([items[0], items[1]]).or_insert(0u32) += 1;
            *pairs.entry(distinct_pair(&mut rng, 4)).or_insert(0u32) += 1;
            let mut items = [0u8, 1, 2, 3];
            draw_front(&mut rng, &mut items, 4);
            *long_fronts.entry(items).or_insert(0u32) += 1;
            let mut items = [0u8, 1, 2, 3, 4];
            make_cycle(&mut rng, &mut items);
            assert_eq!((1..5).fold(0, |at, _| items[at as usize]), items.iter().position(|&i| i == 0).unwrap() as u8);
            *cycles.entry(items).or_insert(0u32) += 1;
        }
        // Five standard deviations of a binomial count.
        assert!(orders.len() == 24 && orders.values().all(|c| c.abs_diff(1000) < 155), "{orders:?}");
        assert!(long_fronts.len() == 24 && long_fronts.values().all(|c| c.abs_diff(1000) < 155), "{long_fronts:?}");
        assert!(cycles.len() == 24 && cycles.values().all(|c| c.abs_diff(1000) < 155), "{cycles:?}");
        assert!(fronts.len() == 12 && fronts.values().all(|c| c.abs_diff(2000) < 215), "{fronts:?}");
        assert!(pairs.len() == 12 && pairs.values().all(|c| c.abs_diff(2000) < 215), "{pairs:?}");
    }
}
