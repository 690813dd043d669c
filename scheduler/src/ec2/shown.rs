//! Something with the message that a Describe shows of it, made once and only where somebody looks: most filters read the rows, and the
//! others say of a resource just what its message shows.

use std::cell::OnceCell;
use std::ops::Deref;
use std::sync::Arc;

use freehold_proto::Fault;
use prost_types::Timestamp;

use super::message::iso8601;
use crate::Settings;

/// What has a message of its own in a Describe's answer.
pub trait Shows {
    type Message;

    fn message(&self, settings: &Settings) -> Result<Self::Message, Fault>;
}

pub struct Shown<V: Shows> {
    view: V,
    settings: Arc<Settings>,
    message: OnceCell<Result<V::Message, Fault>>,
}

impl<V: Shows> Shown<V> {
    pub fn new(view: V, settings: &Arc<Settings>) -> Self {
        Self { view, settings: Arc::clone(settings), message: OnceCell::new() }
    }

    /// What cannot be shown has no values to filter by; whoever asks for it is told why.
    pub fn message(&self) -> &Result<V::Message, Fault> {
        self.message.get_or_init(|| self.view.message(&self.settings))
    }

    pub fn into_message(self) -> Result<V::Message, Fault> {
        let Self { view, settings, message } = self;
        message.into_inner().unwrap_or_else(|| view.message(&settings))
    }
}

impl<V: Shows> Deref for Shown<V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.view
    }
}

/// A member's value, as a filter has it.
pub trait Said {
    fn say_to(&self, say: &mut dyn FnMut(&str));
}

impl Said for String {
    fn say_to(&self, say: &mut dyn FnMut(&str)) {
        say(self);
    }
}

impl Said for bool {
    fn say_to(&self, say: &mut dyn FnMut(&str)) {
        say(crate::filter::flag(*self));
    }
}

impl Said for i32 {
    fn say_to(&self, say: &mut dyn FnMut(&str)) {
        say(&self.to_string());
    }
}

impl Said for Timestamp {
    fn say_to(&self, say: &mut dyn FnMut(&str)) {
        say(&iso8601(self.seconds * 1000 + i64::from(self.nanos) / 1_000_000));
    }
}

/// An entry of a filter table that says what a [`Shown`]'s message has at a path: `shown!("root-device-name" => root_device_name)`. Lists and
/// absent members on the way are walked through.
macro_rules! shown {
    ($name:literal => $($member:ident).+) => {
        ($name, |shown, say| {
            for message in shown.message().iter() {
                $crate::ec2::shown::walk!(say, message, $($member)+);
            }
        })
    };
}
pub(crate) use shown;

macro_rules! walk {
    ($say:ident, $value:ident,) => {
        $crate::ec2::shown::Said::say_to($value, $say)
    };
    ($say:ident, $value:ident, $member:ident $($rest:ident)*) => {
        for value in $value.$member.iter() {
            $crate::ec2::shown::walk!($say, value, $($rest)*);
        }
    };
}
pub(crate) use walk;

/// An entry of what EC2 documents and nothing of ours ever has.
macro_rules! never {
    ($name:literal) => {
        ($name, |_, _| {})
    };
}
pub(crate) use never;
