//! Bytes: blocks by hash, manifests, conversion of disk formats. Knows no account and no instance.
