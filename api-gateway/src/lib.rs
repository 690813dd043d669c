//! Every AWS door: verifies signatures, decodes requests into protobuf bytes, encodes answers as XML. No state of its own, no code per EC2 action.
