//! How an instance lives: EC2's state graph ([`step`]), and the rows that a transition leaves ([`transition`], [`terminate`]).

pub mod step;
pub mod terminate;
#[cfg(test)]
mod tests;
pub mod transition;
