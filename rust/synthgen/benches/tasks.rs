//! Tokens per second of every registered task at every level, one thread: `cargo bench -p synthgen`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Map;
use synthgen::{Row, registry};

const ROWS: u64 = 256;

fn tasks(c: &mut Criterion) {
    for entry in registry::all() {
        let mut group = c.benchmark_group(entry.name);
        for level in registry::LEVELS {
            let task = entry.task(&Map::new(), Some(level)).expect("presets are valid");
            let mut rows = task.cursor(0, None, None);
            let tokens = (0..ROWS).map(|i| rows.draw(i.into()).map_or(0, |row| row.len() as u64)).sum();
            group.throughput(Throughput::Elements(tokens));
            group.bench_function(format!("level {level}"), |b| {
                b.iter(|| (0..ROWS).map(|i| rows.draw(i.into()).map_or(0, Row::len)).sum::<usize>());
            });
        }
        group.finish();
    }
}

criterion_group!(benches, tasks);
criterion_main!(benches);
