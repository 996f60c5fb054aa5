// @grpc/grpc-js with a set of descriptors. argv: HOST:PORT of gRPC, the file of a FileDescriptorSet.
// Read from a set, a map is a list of its entries; on the wire it is the same.
const fs = require("fs");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [address, descriptors] = process.argv.slice(2);
const definition = loader.loadFileDescriptorSetFromBuffer(fs.readFileSync(descriptors), { keepCase: true });
const { PredictionService, ModelService } = grpc.loadPackageDefinition(definition).tensorflow.serving;
const model_spec = { name: "half" };

function call(Service, method, request, options = {}) {
  const client = new Service(address, grpc.credentials.createInsecure(), options);
  return new Promise((resolve, reject) =>
    client[method](request, { deadline: Date.now() + 300_000 }, (error, answer) =>
      error ? reject(error) : resolve(answer),
    ),
  );
}

async function main() {
  const tensor_shape = { dim: [{ size: 3 }] };
  const inputs = [{ key: "x", value: { dtype: "DT_FLOAT", tensor_shape, float_val: [2, 4, 6] } }];
  const gzip = { "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip };
  const answers = [];
  for (const options of [{}, gzip]) {
    const answer = await call(PredictionService, "Predict", { model_spec, inputs }, options);
    answers.push(answer.outputs[0].value.float_val);
  }
  const status = await call(ModelService, "GetModelStatus", { model_spec });
  const versions = status.model_version_status.map(({ version }) => Number(version));
  console.log(JSON.stringify({ y: answers[0], compressed: answers[1], versions }));
}

main();
