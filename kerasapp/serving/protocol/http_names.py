"""What a REST server and its client must agree on: status codes, headers, paths."""

REQUEST_ID = "x-request-id"  # every answer gives it back; gRPC requires small letters
REQUEST_TIMEOUT = "X-Request-Timeout"  # seconds
STREAM = "generate_stream"
MODELS_PATH = "/kerasapp/models"

# ToHTTPStatusCode in tensorflow_serving/model_servers/http_server.cc. Of several codes with one status, the
# first is the one that a client reads from the status.
HTTP_STATUS = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
