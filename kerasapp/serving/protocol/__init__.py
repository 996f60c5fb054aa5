"""What REST and gRPC share: tensors, errors, numbers, text protobufs."""
