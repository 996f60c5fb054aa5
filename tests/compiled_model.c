/* Runs every signature of a .tflite file once, by the C interface of LiteRT's CompiledModel.

   compiled_model FILE FOLDER

   reads FOLDER/SIGNATURE.NAME.in for each input and writes FOLDER/SIGNATURE.NAME.out for each output, raw
   numbers both. The declarations are those of litert/c/ in LiteRT 2.3; all handles are pointers. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void *Handle;
typedef struct { /* LiteRtRankedTensorType: a type's number, and a layout, which are handed on unread */
  uint64_t content[32];
} TensorType;

enum { CPU = 1, READ = 0, WRITE = 1, MOST = 64 };

int LiteRtCreateEnvironment(int count, const void *options, Handle *environment);
int LiteRtCreateModelFromFile(Handle environment, const char *file, Handle *model);
int LiteRtCreateOptions(Handle *options);
int LiteRtSetOptionsHardwareAccelerators(Handle options, int accelerators);
int LiteRtCreateCompiledModel(Handle environment, Handle model, Handle options, Handle *compiled);
int LiteRtRunCompiledModel(Handle compiled, size_t signature, size_t inputs, Handle *input, size_t outputs,
                           Handle *output);
int LiteRtGetNumModelSignatures(Handle model, size_t *count);
int LiteRtGetModelSignature(Handle model, size_t index, Handle *signature);
int LiteRtGetSignatureKey(Handle signature, const char **key);
int LiteRtGetNumSignatureInputs(Handle signature, size_t *count);
int LiteRtGetNumSignatureOutputs(Handle signature, size_t *count);
int LiteRtGetSignatureInputName(Handle signature, size_t index, const char **name);
int LiteRtGetSignatureOutputName(Handle signature, size_t index, const char **name);
int LiteRtGetSignatureInputTensorByIndex(Handle signature, size_t index, Handle *tensor);
int LiteRtGetSignatureOutputTensorByIndex(Handle signature, size_t index, Handle *tensor);
int LiteRtGetRankedTensorType(Handle tensor, TensorType *type);
int LiteRtGetCompiledModelInputBufferRequirements(Handle compiled, size_t signature, size_t index, Handle *found);
int LiteRtGetCompiledModelOutputBufferRequirements(Handle compiled, size_t signature, size_t index, Handle *found);
int LiteRtCreateManagedTensorBufferFromRequirements(Handle environment, const TensorType *type,
                                                    Handle requirements, Handle *buffer);
int LiteRtGetTensorBufferPackedSize(Handle buffer, size_t *size);
int LiteRtLockTensorBuffer(Handle buffer, void **memory, int mode);
int LiteRtUnlockTensorBuffer(Handle buffer);
void LiteRtDestroyTensorBuffer(Handle buffer);
void LiteRtDestroyCompiledModel(Handle compiled);
void LiteRtDestroyOptions(Handle options);
void LiteRtDestroyModel(Handle model);
void LiteRtDestroyEnvironment(Handle environment);

static void check(int status, const char *call) {
  if (!status) return;
  fprintf(stderr, "%s: status %d\n", call, status);
  exit(1);
}
#define CHECK(call) check(call, #call)

static Handle environment, model, compiled;

/* A buffer for a signature's input or output. */
static Handle new_buffer(Handle signature, size_t place, size_t index, int is_input) {
  Handle tensor, requirements, buffer;
  TensorType type = {{0}};
  if (is_input) {
    CHECK(LiteRtGetSignatureInputTensorByIndex(signature, index, &tensor));
    CHECK(LiteRtGetCompiledModelInputBufferRequirements(compiled, place, index, &requirements));
  } else {
    CHECK(LiteRtGetSignatureOutputTensorByIndex(signature, index, &tensor));
    CHECK(LiteRtGetCompiledModelOutputBufferRequirements(compiled, place, index, &requirements));
  }
  CHECK(LiteRtGetRankedTensorType(tensor, &type));
  CHECK(LiteRtCreateManagedTensorBufferFromRequirements(environment, &type, requirements, &buffer));
  return buffer;
}

/* Reads a buffer's numbers from a file, or writes them to one. */
static void move(Handle buffer, const char *folder, const char *key, const char *name, int is_input) {
  char path[4096];
  size_t size;
  void *memory;
  snprintf(path, sizeof path, "%s/%s.%s.%s", folder, key, name, is_input ? "in" : "out");
  FILE *file = fopen(path, is_input ? "rb" : "wb");
  check(file == NULL, path);
  CHECK(LiteRtGetTensorBufferPackedSize(buffer, &size));
  CHECK(LiteRtLockTensorBuffer(buffer, &memory, is_input ? WRITE : READ));
  check(size != (is_input ? fread(memory, 1, size, file) : fwrite(memory, 1, size, file)), path);
  check(is_input && fgetc(file) != EOF, path);
  CHECK(LiteRtUnlockTensorBuffer(buffer));
  fclose(file);
}

static void run(size_t place, const char *folder) {
  Handle signature, inputs[MOST], outputs[MOST];
  const char *key, *name;
  size_t i, given, told;
  CHECK(LiteRtGetModelSignature(model, place, &signature));
  CHECK(LiteRtGetSignatureKey(signature, &key));
  CHECK(LiteRtGetNumSignatureInputs(signature, &given));
  CHECK(LiteRtGetNumSignatureOutputs(signature, &told));
  check(given > MOST || told > MOST, "too many tensors");
  for (i = 0; i < given; i++) {
    CHECK(LiteRtGetSignatureInputName(signature, i, &name));
    inputs[i] = new_buffer(signature, place, i, 1);
    move(inputs[i], folder, key, name, 1);
  }
  for (i = 0; i < told; i++) outputs[i] = new_buffer(signature, place, i, 0);
  CHECK(LiteRtRunCompiledModel(compiled, place, given, inputs, told, outputs));
  for (i = 0; i < told; i++) {
    CHECK(LiteRtGetSignatureOutputName(signature, i, &name));
    move(outputs[i], folder, key, name, 0);
  }
  for (i = 0; i < given; i++) LiteRtDestroyTensorBuffer(inputs[i]);
  for (i = 0; i < told; i++) LiteRtDestroyTensorBuffer(outputs[i]);
}

int main(int count, char **words) {
  Handle options;
  size_t i, signatures;
  if (count != 3) return 2;
  CHECK(LiteRtCreateEnvironment(0, NULL, &environment));
  CHECK(LiteRtCreateModelFromFile(environment, words[1], &model));
  CHECK(LiteRtCreateOptions(&options));
  CHECK(LiteRtSetOptionsHardwareAccelerators(options, CPU));
  CHECK(LiteRtCreateCompiledModel(environment, model, options, &compiled));
  CHECK(LiteRtGetNumModelSignatures(model, &signatures));
  for (i = 0; i < signatures; i++) run(i, words[2]);
  LiteRtDestroyCompiledModel(compiled);
  LiteRtDestroyOptions(options);
  LiteRtDestroyModel(model);
  LiteRtDestroyEnvironment(environment);
  return 0;
}
