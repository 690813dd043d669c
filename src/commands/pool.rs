//! `freehold net pool`: the pools that public addresses are drawn from.

use freehold_proto::internal::operator::{
    AddAddressPoolRequest, AddressPool, CloseAddressPoolRequest, ListAddressPoolsRequest, RemoveAddressPoolRequest,
};
use serde::Serialize;

use crate::Failure;
use crate::cli::{Output, Pool};
use crate::config::Config;
use crate::operator;
use crate::output::{self, Row};

#[derive(Serialize)]
struct Shown {
    cidr_block: String,
    configured: bool,
    closed: bool,
    addresses: u64,
    taken: u64,
    masquerade: bool,
}

impl From<AddressPool> for Shown {
    fn from(pool: AddressPool) -> Self {
        let AddressPool { cidr_block, configured, closed, addresses, taken, translated } = pool;
        Self { cidr_block, configured, closed, addresses, taken, masquerade: translated }
    }
}

impl Row for Shown {
    const HEADINGS: &'static [&'static str] = &["POOL", "FROM", "STATE", "ADDRESSES", "TAKEN", "LEAVES AS"];

    fn cells(&self) -> Vec<String> {
        let from = if self.configured { "the configuration" } else { "a command" };
        let state = if self.closed { "closed" } else { "open" };
        let leaves = match (self.masquerade, self.configured) {
            (true, _) => "its host",
            (false, true) => "each host is configured",
            (false, false) => "itself",
        };
        let (addresses, taken) = (self.addresses.to_string(), self.taken.to_string());
        vec![self.cidr_block.clone(), from.into(), state.into(), addresses, taken, leaves.into()]
    }
}

pub async fn run(config: &Config, output: Output, command: Pool) -> Result<(), Failure> {
    let socket = config.sockets().operator;
    let mut operator = operator::connect(config);
    let pools = match command {
        Pool::Ls => operator::call(&socket, operator.list_address_pools(ListAddressPoolsRequest {})).await?.pools,
        Pool::Add { cidr_block, masquerade } => {
            let request = AddAddressPoolRequest { cidr_block, translated: masquerade };
            vec![operator::call(&socket, operator.add_address_pool(request)).await?]
        }
        Pool::Close { cidr_block, reopen } => {
            vec![operator::call(&socket, operator.close_address_pool(CloseAddressPoolRequest { cidr_block, reopen })).await?]
        }
        Pool::Rm { cidr_block } => {
            operator::call(&socket, operator.remove_address_pool(RemoveAddressPoolRequest { cidr_block })).await?;
            return Ok(());
        }
    };
    output::rows(output, &pools.into_iter().map(Shown::from).collect::<Vec<_>>())
}
