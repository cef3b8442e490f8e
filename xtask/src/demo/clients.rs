//! Clients of a small shop: orders come, change and go, money moves between accounts, and now
//! and then somebody stores a large document.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use binlogd_client::{ConnectOptions, Connection};
use testkit::{Rng, Server};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// The schema that all is in.
pub(super) const SCHEMA: &str = "shop";

/// Rest between a client's transactions: people watch, two processors do everything.
const PAUSE: Duration = Duration::from_millis(5);

const ACCOUNTS: usize = 100;

const TABLES: [&str; 5] = [
    "create database shop",
    "create table shop.orders (id bigint auto_increment primary key, customer int not null,
        status varchar(10) not null, note text, key (customer))",
    "create table shop.accounts (id int primary key, balance bigint not null)",
    "create table shop.documents (id bigint auto_increment primary key, body longblob)",
    "insert into shop.accounts select n, 1000 from (with recursive s (n) as
        (select 0 union all select n + 1 from s where n < 99) select n from s) numbers",
];

/// Makes the tables to write to.
///
/// # Errors
/// If the primary refuses.
pub(super) fn create_tables(runtime: &Runtime, primary: &Server) -> Result<()> {
    runtime.block_on(async {
        let mut connection = Connection::connect(&as_root(primary)).await?;
        for statement in TABLES {
            connection.execute(statement).await?;
        }
        Ok(())
    })
}

/// How to enter a server of the demo that is on this machine.
pub(super) fn as_root(server: &Server) -> ConnectOptions {
    ConnectOptions::default().socket(server.socket()).user("root")
}

/// Clients at work.
pub(super) struct Clients {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    commits: AtomicU64,
    error: Mutex<Option<String>>,
}

impl Clients {
    pub(super) fn start(runtime: &Runtime, primary: &Server, clients: u32) -> Self {
        let shared = Arc::new(Shared::default());
        let tasks = (0..clients)
            .map(|client| {
                let (options, shared) = (as_root(primary), Arc::clone(&shared));
                runtime.spawn(async move {
                    if let Err(error) = work(&options, client, &shared).await {
                        let mut slot = shared.error.lock().unwrap_or_else(PoisonError::into_inner);
                        *slot = Some(format!("client {client}: {error:#}"));
                    }
                })
            })
            .collect();
        Self { shared, tasks }
    }

    /// Commits that clients were told of.
    pub(super) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Fails if a client has.
    pub(super) fn check(&self) -> Result<()> {
        match &*self.shared.error.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => bail!("{error}"),
            None => Ok(()),
        }
    }

    /// Waits for the transactions under way, and returns how many commits there were.
    ///
    /// # Errors
    /// If a client failed.
    pub(super) fn stop(self, runtime: &Runtime) -> Result<u64> {
        self.shared.stop.store(true, Ordering::Relaxed);
        runtime.block_on(async {
            for task in self.tasks {
                task.await?;
            }
            Ok::<_, anyhow::Error>(())
        })?;
        match self.shared.error.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => bail!("{error}"),
            None => Ok(self.shared.commits.load(Ordering::Relaxed)),
        }
    }
}

async fn work(options: &ConnectOptions, client: u32, shared: &Shared) -> Result<()> {
    let mut connection = Connection::connect(options).await?;
    let mut rng = Rng::new(u64::from(client));
    // Orders of this client's own, so that clients do not wait for each other's rows.
    let mut orders: Vec<u64> = Vec::new();
    while !shared.stop.load(Ordering::Relaxed) {
        transact(&mut connection, client, &mut rng, &mut orders).await?;
        shared.commits.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
    connection.quit().await?;
    Ok(())
}

/// One transaction that changes something.
async fn transact(
    connection: &mut Connection,
    client: u32,
    rng: &mut Rng,
    orders: &mut Vec<u64>,
) -> Result<()> {
    let choice = rng.below(1000);
    if choice < 2 {
        let len = rng.between(100_000, 2_000_000);
        let sql = format!("insert into shop.documents (body) values (repeat('{client}', {len}))");
        connection.execute(&sql).await?;
    } else if choice < 200 {
        transfer(connection, rng).await?;
    } else if choice < 600 || orders.len() < 5 {
        let len = rng.between(20, 800);
        let sql = format!(
            "insert into shop.orders (customer, status, note)
             values ({client}, 'new', repeat('please ', {}))",
            len / 7
        );
        orders.push(connection.query(&sql).await?.last_insert_id());
    } else if choice < 850 {
        let id = orders[rng.below(orders.len())];
        let sql = format!("update shop.orders set status = 'paid {}' where id = {id}", choice % 7);
        let changed = connection.execute(&sql).await?;
        if changed == 0 {
            // The same status again changes nothing and would not be a commit to count.
            connection
                .execute(&format!("update shop.orders set status = 'sent' where id = {id}"))
                .await?;
        }
    } else {
        let id = orders.swap_remove(rng.below(orders.len()));
        connection.execute(&format!("delete from shop.orders where id = {id}")).await?;
    }
    Ok(())
}

/// Money moves from one account to another, in a transaction of several statements.
async fn transfer(connection: &mut Connection, rng: &mut Rng) -> Result<()> {
    let from = rng.below(ACCOUNTS);
    let to = (from + 1 + rng.below(ACCOUNTS - 1)) % ACCOUNTS;
    let amount = i64::try_from(rng.between(1, 50))?;
    // In the order of their ids, so that two transfers never wait for each other.
    let mut changes = [(from, -amount), (to, amount)];
    changes.sort_unstable();
    connection.execute("begin").await?;
    for (id, change) in changes {
        let sql = format!("update shop.accounts set balance = balance + {change} where id = {id}");
        connection.execute(&sql).await?;
    }
    connection.execute("commit").await?;
    Ok(())
}
