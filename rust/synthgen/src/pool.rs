//! Thread pools that survive `fork`: a pool belongs to the process that built it.

use std::sync::{Arc, Mutex};

use rayon::{ThreadPool, ThreadPoolBuilder};

struct Entry {
    process: u32,
    threads: usize,
    pool: Arc<ThreadPool>,
}

static POOLS: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// Run `work` on a pool of `threads` threads, or on this thread when one is enough or no pool can be had; `work` is told
/// whether it may go parallel, as only inside a pool of ours it can.
///
/// A forked child finds the parent's entries but not its threads, so entries are looked up by process id. The lock is only
/// ever tried: a child forked while another thread held it must not wait for a thread that it does not have.
pub fn run<R: Send>(threads: usize, work: impl FnOnce(bool) -> R + Send) -> R {
    match if threads > 1 { pool(threads) } else { None } {
        Some(pool) => pool.install(|| work(true)),
        None => work(false),
    }
}

fn pool(threads: usize) -> Option<Arc<ThreadPool>> {
    let process = std::process::id();
    let mut pools = POOLS.try_lock().ok();
    let known = pools.as_ref().and_then(|pools| {
        pools.iter().find(|e| e.process == process && e.threads == threads).map(|e| Arc::clone(&e.pool))
    });
    if known.is_some() {
        return known;
    }
    let name = |i| format!("synthgen-{i}");
    let pool = Arc::new(ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build().ok()?);
    if let Some(pools) = pools.as_mut() {
        pools.push(Entry { process, threads, pool: Arc::clone(&pool) });
    }
    Some(pool)
}
