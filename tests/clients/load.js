// autocannon with pipelined requests. argv: HOST:PORT of REST, the number of requests.
const autocannon = require("autocannon");

const [address, amount] = process.argv.slice(2);
const request = {
  url: `http://${address}/v1/models/half:predict`,
  method: "POST",
  body: '{"instances": [2, 4, 6]}',
  expectBody: '{\n    "predictions": [3.0, 4.0, 5.0]\n}',
  connections: 4,
  pipelining: 5,
  timeout: 300,
  amount: Number(amount),
};

autocannon(request).then(({ "2xx": answered, non2xx, errors, timeouts, mismatches }) =>
  console.log(JSON.stringify({ answered, non2xx, errors, timeouts, mismatches })),
);
