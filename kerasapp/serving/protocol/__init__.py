"""What REST, gRPC and their clients share: tensors, signatures, errors, addresses, text protobufs."""
