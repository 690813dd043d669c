//! The network between one host's agent and the scheduler: sessions, each a queue each way.
//!
//! A stream keeps its order, so nothing overtakes within one queue. What is late is late by sessions: the two ends learn at different
//! times that a session is over, so a scheduler may hear of an old session after a newer one has begun. What is in a queue when its
//! reader goes is lost.

use std::collections::VecDeque;

use freehold_node_agent::Line;
use freehold_proto::internal::host::{FromAgent, ToAgent};
use freehold_scheduler::hosts::Attendance;
use tokio::sync::mpsc;
use tonic::Status;

/// More than a schedule ever has under way.
pub const ROOM: usize = 1 << 14;

/// One connection.
pub struct Session {
    /// The agent's end, until it hangs up.
    pub line: Option<Line>,
    /// The scheduler's end, until it notices.
    pub attendance: Option<Attendance>,
    /// Whether the scheduler has stated everything once.
    pub stated: bool,
    pub up: VecDeque<FromAgent>,
    pub down: VecDeque<ToAgent>,
    spoken: mpsc::Receiver<Result<ToAgent, Status>>,
}

impl Session {
    pub fn new(attendance: Attendance, spoken: mpsc::Receiver<Result<ToAgent, Status>>) -> Self {
        Self { line: None, attendance: Some(attendance), stated: false, up: VecDeque::new(), down: VecDeque::new(), spoken }
    }

    /// Puts what the scheduler has said on its way.
    pub fn collect(&mut self) {
        while let Ok(message) = self.spoken.try_recv() {
            if self.line.is_some() {
                self.down.extend(message);
            }
        }
    }

    /// The agent hangs up, or is no more. What it had sent may still arrive.
    pub fn hang_up(&mut self) {
        self.line = None;
        self.down.clear();
    }

    pub fn is_over(&self) -> bool {
        self.line.is_none() && self.attendance.is_none()
    }
}
