/* A TFLite delegate that behaves as its options say: the accelerator of the tests.
 *
 *   claim  which nodes it takes: none, add (float32 ADD without broadcast, really computed), all,
 *          or edgetpu (the custom op of compiled Edge TPU models; computed if it adds two float32
 *          tensors). Everything else is made up: the same for the same input, other for another,
 *          and below 21 where it is a class id, that is an integer without a scale.
 *   mode   good; slow (sleeps `ms` in each frame); null or null_message (creation fails without or
 *          with a reason); error, segv, ill (SIGILL), abort, exit (with status 7), signal (a
 *          real-time one, which has no name), orphan (leaves a process behind, then crashes) or hang at the place `at`;
 *          flood (there 3 MB of output without the end of a line, else good); garbage (1 pixel in
 *          10 of what it computes is falsified), nan or zeros.
 *   at     create, prepare (while it is applied to a graph), invoke (the default) or destroy,
 *          where an error has no way to be told.
 *   after  how many frames (invokes of the interpreter, a warm-up's too) are good before `mode`
 *          begins; with more than 0 there is nothing but good at create and prepare.
 *   while  the path of a file: `mode` is good for as long as there is none.
 *   pipe   the path of a named pipe, or of a file, to which the process id is written as a line
 *          right before a fault: how a test waits for it.
 *   device any, as libedgetpu has it: then the claim is edgetpu.
 *
 * Right before a fault it is told on stderr. One delegate is not for several threads.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The ABI of TensorFlow Lite 2.14 and newer and of LiteRT: tflite/core/c/common.h, and the plugin
 * functions of tflite/delegates/external. Enums are ints; what is never touched is void*. Sizes
 * matter: tensors lie in an array, and a registration is passed by value. */
typedef struct { int size; int data[]; } TfLiteIntArray;
typedef struct TfLiteContext TfLiteContext;
typedef struct TfLiteDelegate TfLiteDelegate;
typedef enum { kTfLiteOk, kTfLiteError } TfLiteStatus;
enum { kTfLiteFloat32 = 1, kTfLiteInt32 = 2, kTfLiteInt64 = 4 };
enum { kTfLiteMmapRo = 1, kTfLiteBuiltinAdd = 0, kTfLiteAllowDynamicTensors = 1 };

typedef struct {
  int type;
  void *data;
  TfLiteIntArray *dims;
  struct { float scale; int32_t zero_point; } params;
  int allocation_type;
  size_t bytes;
  const void *allocation;
  const char *name;
  TfLiteDelegate *delegate;
  int buffer_handle;
  bool data_is_stale, is_variable;
  struct { int type; void *params; } quantization;
  void *sparsity;
  const TfLiteIntArray *dims_signature;
} TfLiteTensor;

typedef struct {
  TfLiteIntArray *inputs, *outputs, *intermediates, *temporaries;
  void *user_data;
  void *builtin_data;
} TfLiteNode; /* only ever behind a pointer: the rest is left out */

typedef struct {
  void *(*init)(TfLiteContext *, const char *, size_t);
  void (*free)(TfLiteContext *, void *);
  TfLiteStatus (*prepare)(TfLiteContext *, TfLiteNode *);
  TfLiteStatus (*invoke)(TfLiteContext *, TfLiteNode *);
  const char *(*profiling_string)(const TfLiteContext *, const TfLiteNode *);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  void *registration_external;
  void *async_kernel;
  uint64_t inplace_operator;
} TfLiteRegistration;

struct TfLiteContext {
  size_t tensors_size;
  TfLiteStatus (*GetExecutionPlan)(TfLiteContext *, TfLiteIntArray **);
  TfLiteTensor *tensors;
  void *impl, *ResizeTensor;
  void (*ReportError)(TfLiteContext *, const char *, ...);
  void *AddTensors;
  TfLiteStatus (*GetNodeAndRegistration)(
      TfLiteContext *, int, TfLiteNode **, TfLiteRegistration **);
  TfLiteStatus (*ReplaceNodeSubsetsWithDelegateKernels)(
      TfLiteContext *, TfLiteRegistration, const TfLiteIntArray *, TfLiteDelegate *);
}; /* likewise */

struct TfLiteDelegate {
  void *data;
  TfLiteStatus (*Prepare)(TfLiteContext *, TfLiteDelegate *);
  void *CopyFromBufferHandle, *CopyToBufferHandle, *FreeBufferHandle;
  int64_t flags;
  void *opaque_delegate_builder;
};

typedef struct { TfLiteDelegate *delegate; TfLiteIntArray *nodes_to_replace; } TfLiteDelegateParams;

/* What follows is the delegate. */
enum Claim { CLAIM_NONE, CLAIM_ADD, CLAIM_ALL, CLAIM_EDGETPU };
static const char *const CLAIMS[] = {"none", "add", "all", "edgetpu", NULL};
enum Mode {
  GOOD, SLOW, NULL_SILENT, NULL_MESSAGE, ERROR, SEGV, ILL, ABORT, EXIT, SIGNAL, ORPHAN, FLOOD, HANG, GARBAGE,
  NAN_, ZEROS
};
static const char *const MODES[] = {
    "good", "slow", "null", "null_message", "error", "segv", "ill", "abort", "exit", "signal",
    "orphan", "flood", "hang", "garbage", "nan", "zeros", NULL};
enum Place { CREATE, PREPARE, INVOKE, DESTROY };
static const char *const PLACES[] = {"create", "prepare", "invoke", "destroy", NULL};

typedef struct {
  TfLiteDelegate delegate;
  int claim, mode, at;
  long after, ms, frames;
  char *while_file, *pipe_file;
  bool misbehaves;    /* in the frame that runs */
  bool next_is_first; /* the next kernel is the first of its graph, with which frames begin */
} Fake;

typedef struct { int left, right, output; float low, high; } Sum;
typedef struct { Fake *fake; bool first; int count; Sum sums[]; } Kernel; /* a claimed partition */

static bool is_time(const Fake *fake) {
  return fake->frames >= fake->after && (!fake->while_file || access(fake->while_file, F_OK) == 0);
}

static void write_pid(const char *path) {
  FILE *file = fopen(path, "w");
  if (!file) return;
  fprintf(file, "%d\n", (int)getpid());
  fclose(file);
}

/* Commits the fault that is due at `place`; true where the caller has to fail. */
static bool fault(const Fake *fake, int place) {
  if (fake->at != place || fake->mode < ERROR || fake->mode > HANG || !is_time(fake)) return false;
  fprintf(stderr, "fake delegate: %s in %s\n", MODES[fake->mode], PLACES[place]);
  if (fake->pipe_file) write_pid(fake->pipe_file);
  if (fake->mode == SEGV) raise(SIGSEGV);
  if (fake->mode == ILL) raise(SIGILL);
  if (fake->mode == ABORT) abort();
  if (fake->mode == EXIT) _exit(7);
  if (fake->mode == SIGNAL) raise(40);
  if (fake->mode == ORPHAN && fork() == 0) while (true) pause();
  if (fake->mode == ORPHAN) raise(SIGSEGV);
  for (int line = 0; fake->mode == FLOOD && line < 3000; line++) fprintf(stderr, "%1000d", line);
  while (fake->mode == HANG) pause();
  return fake->mode == ERROR;
}

static bool same_shape(const TfLiteTensor *a, const TfLiteTensor *b) {
  return a->dims->size == b->dims->size &&
         memcmp(a->dims->data, b->dims->data, sizeof(int) * a->dims->size) == 0;
}

/* What the node adds, if it is a sum that the kernel can compute. */
static bool read_sum(const TfLiteContext *context, const TfLiteNode *node, bool builtin, Sum *sum) {
  static const float BOUNDS[][2] = {{-INFINITY, INFINITY}, {0, INFINITY}, {-1, 1}, {0, 6}};
  if (node->inputs->size != 2 || node->outputs->size != 1) return false;
  /* TfLiteAddParams begins with the fused activation: none, ReLU, ReLU -1 to 1, ReLU6, others. */
  int activation = builtin && node->builtin_data ? *(const int *)node->builtin_data : 0;
  if (activation < 0 || activation > 3) return false;
  *sum = (Sum){node->inputs->data[0], node->inputs->data[1], node->outputs->data[0],
               BOUNDS[activation][0], BOUNDS[activation][1]};
  const TfLiteTensor *left = &context->tensors[sum->left], *right = &context->tensors[sum->right];
  const TfLiteTensor *output = &context->tensors[sum->output];
  return left->type == kTfLiteFloat32 && right->type == kTfLiteFloat32 &&
         output->type == kTfLiteFloat32 && same_shape(left, right) && same_shape(left, output);
}

static bool is_wanted(const Fake *fake, const TfLiteContext *context, const TfLiteNode *node,
                      const TfLiteRegistration *registration) {
  Sum sum;
  if (fake->claim == CLAIM_ALL) return true;
  if (registration->custom_name)
    return fake->claim == CLAIM_EDGETPU && !strcmp(registration->custom_name, "edgetpu-custom-op");
  return fake->claim == CLAIM_ADD && registration->builtin_code == kTfLiteBuiltinAdd &&
         read_sum(context, node, true, &sum);
}

/* The nodes that are wanted, with room for all. Of a sum of a sum in one kernel only the result
 * would get memory; so a node is left alone if what it waits for most is a sum. The runtime
 * alternates between its own nodes, of even rounds here, and kernels, of odd ones. */
static TfLiteIntArray *choose_nodes(const Fake *fake, TfLiteContext *context) {
  TfLiteIntArray *plan;
  if (context->GetExecutionPlan(context, &plan)) return NULL;
  TfLiteIntArray *chosen = calloc(1, sizeof *chosen + sizeof(int) * plan->size);
  int *rounds = calloc(context->tensors_size, sizeof *rounds);
  for (int i = 0; i < plan->size; i++) {
    TfLiteNode *node;
    TfLiteRegistration *registration;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &registration)) continue;
    int round = 0;
    for (int k = 0; k < node->inputs->size; k++) {
      int input = node->inputs->data[k]; /* -1 where an optional one is missing */
      if (input >= 0 && rounds[input] > round) round = rounds[input];
    }
    bool odd = round % 2;
    bool wanted = is_wanted(fake, context, node, registration);
    if (odd && fake->claim == CLAIM_ADD) wanted = false;
    if (wanted) chosen->data[chosen->size++] = plan->data[i];
    if (wanted != odd) round++;
    for (int k = 0; k < node->outputs->size; k++) rounds[node->outputs->data[k]] = round;
  }
  free(rounds);
  return chosen;
}

/* A kernel's life: made for a claimed partition, invoked in each frame, freed. */
static void *make_kernel(TfLiteContext *context, const char *buffer, size_t length) {
  (void)length;
  const TfLiteDelegateParams *params = (const void *)buffer;
  const TfLiteIntArray *nodes = params->nodes_to_replace;
  Fake *fake = params->delegate->data;
  Kernel *kernel = calloc(1, sizeof *kernel + sizeof(Sum) * nodes->size);
  kernel->fake = fake;
  kernel->first = fake->next_is_first;
  fake->next_is_first = false;
  for (int i = 0; i < nodes->size && fake->claim != CLAIM_ALL; i++) {
    TfLiteNode *node;
    TfLiteRegistration *registration;
    if (context->GetNodeAndRegistration(context, nodes->data[i], &node, &registration)) continue;
    kernel->count +=
        read_sum(context, node, fake->claim == CLAIM_ADD, &kernel->sums[kernel->count]);
  }
  return kernel;
}

static void free_kernel(TfLiteContext *context, void *kernel) {
  (void)context;
  free(kernel);
}

static void compute(const TfLiteContext *context, const Sum *sum) {
  const float *left = context->tensors[sum->left].data, *right = context->tensors[sum->right].data;
  float *output = context->tensors[sum->output].data;
  size_t count = context->tensors[sum->output].bytes / sizeof(float);
  for (size_t i = 0; i < count; i++) {
    float total = left[i] + right[i];
    output[i] = total < sum->low ? sum->low : total > sum->high ? sum->high : total;
  }
}

/* FNV-1a with words instead of bytes; the shift carries what is high in a word to the low bits. */
static uint64_t digest(const TfLiteTensor *tensor, uint64_t hash) {
  for (size_t i = 0; i < tensor->bytes; i += sizeof hash) {
    uint64_t word = 0;
    size_t left = tensor->bytes - i;
    memcpy(&word, (const char *)tensor->data + i, left < sizeof word ? left : sizeof word);
    hash = (hash ^ word) * 0x100000001b3;
    hash ^= hash >> 32;
  }
  return hash;
}

/* The last step of MurmurHash3. */
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
  return x ^ (x >> 33);
}

static size_t width_of(const TfLiteTensor *tensor) {
  if (tensor->type == kTfLiteInt64) return 8;
  return tensor->type == kTfLiteFloat32 || tensor->type == kTfLiteInt32 ? 4 : 1;
}

static bool holds_labels(const TfLiteTensor *tensor) {
  return tensor->type != kTfLiteFloat32 && tensor->params.scale == 0;
}

/* Fills a tensor from `seed`. An integer is set by its first byte, which is its lowest. */
static void invent(TfLiteTensor *tensor, uint64_t seed) {
  size_t width = width_of(tensor);
  memset(tensor->data, 0, tensor->bytes);
  for (size_t i = 0; i < tensor->bytes / width; i++) {
    uint64_t value = mix(seed + i);
    if (tensor->type == kTfLiteFloat32) ((float *)tensor->data)[i] = value % 2001 / 1000.f - 1;
    else ((uint8_t *)tensor->data)[i * width] = holds_labels(tensor) ? value % 21 : value;
  }
}

/* Makes a computed tensor wrong, as `mode` has it; integers have no NaN and get zeros. */
static void corrupt(TfLiteTensor *tensor, int mode) {
  bool real = tensor->type == kTfLiteFloat32, labels = holds_labels(tensor);
  size_t width = width_of(tensor), rank = tensor->dims->size;
  size_t channels = labels || !rank ? 1 : tensor->dims->data[rank - 1];
  if (mode == ZEROS || (mode == NAN_ && !real)) memset(tensor->data, 0, tensor->bytes);
  for (size_t i = 0; i < tensor->bytes / width; i++) {
    float *value = (float *)tensor->data + i;
    uint8_t *low = (uint8_t *)tensor->data + i * width;
    bool garbage = mode == GARBAGE && i / channels % 10 == 0;
    if (real && mode == NAN_) *value = NAN;
    else if (real && garbage) *value = -*value;
    else if (garbage) *low = labels ? (*low + 1) % 21 : 255 - *low;
  }
}

static TfLiteStatus invoke_kernel(TfLiteContext *context, TfLiteNode *node) {
  const Kernel *kernel = node->user_data;
  Fake *fake = kernel->fake;
  if (kernel->first) {
    fake->misbehaves = is_time(fake);
    bool fails = fault(fake, INVOKE);
    fake->frames++;
    if (fails) {
      context->ReportError(context, "the fake delegate fails in invoke. ");
      return kTfLiteError;
    }
    struct timespec pause = {fake->ms / 1000, fake->ms % 1000 * 1000000};
    if (fake->mode == SLOW && fake->misbehaves) nanosleep(&pause, NULL);
  }
  for (int i = 0; i < kernel->count; i++) compute(context, &kernel->sums[i]);
  uint64_t seed = 0xcbf29ce484222325;
  for (int i = 0; i < node->inputs->size && !kernel->count; i++) {
    const TfLiteTensor *input = &context->tensors[node->inputs->data[i]];
    if (input->allocation_type != kTfLiteMmapRo) seed = digest(input, seed);
  }
  for (int i = 0; i < node->outputs->size; i++) {
    TfLiteTensor *output = &context->tensors[node->outputs->data[i]];
    if (!kernel->count) invent(output, mix(seed + i));
    if (fake->misbehaves) corrupt(output, fake->mode);
  }
  return kTfLiteOk;
}

/* The delegate's life: created, prepared for each graph, destroyed. */
static TfLiteStatus prepare(TfLiteContext *context, TfLiteDelegate *delegate) {
  Fake *fake = delegate->data;
  if (fault(fake, PREPARE)) {
    context->ReportError(context, "the fake delegate fails in prepare. ");
    return kTfLiteError;
  }
  TfLiteIntArray *nodes = choose_nodes(fake, context);
  if (!nodes) return kTfLiteError;
  fake->next_is_first = true;
  TfLiteRegistration kernel = {.init = make_kernel, .free = free_kernel, .invoke = invoke_kernel,
                               .custom_name = "FakeDelegate", .version = 1};
  TfLiteStatus status =
      context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, nodes, delegate);
  free(nodes);
  return status;
}

static bool pick(int *choice, const char *const names[], const char *value) {
  for (*choice = 0; names[*choice]; ++*choice)
    if (!strcmp(names[*choice], value)) return true;
  return false;
}

static bool read_number(long *number, const char *value) {
  char *end;
  *number = strtol(value, &end, 10);
  return end != value && !*end && *number >= 0;
}

static bool read_path(char **path, const char *value) {
  return !*path && (*path = strdup(value));
}

static bool read_option(Fake *fake, const char *key, const char *value) {
  if (!strcmp(key, "claim")) return pick(&fake->claim, CLAIMS, value);
  if (!strcmp(key, "mode")) return pick(&fake->mode, MODES, value);
  if (!strcmp(key, "at")) return pick(&fake->at, PLACES, value);
  if (!strcmp(key, "after")) return read_number(&fake->after, value);
  if (!strcmp(key, "device")) return (fake->claim = CLAIM_EDGETPU);
  if (!strcmp(key, "ms")) return read_number(&fake->ms, value);
  if (!strcmp(key, "while")) return read_path(&fake->while_file, value);
  if (!strcmp(key, "pipe")) return read_path(&fake->pipe_file, value);
  return false;
}

static void release(Fake *fake) {
  free(fake->while_file);
  free(fake->pipe_file);
  free(fake);
}

void tflite_plugin_destroy_delegate(TfLiteDelegate *delegate) {
  if (!delegate) return;
  Fake *fake = delegate->data;
  fault(fake, DESTROY);
  release(fake);
}

TfLiteDelegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count,
                                              void (*report_error)(const char *)) {
  char message[256] = "";
  Fake *fake = calloc(1, sizeof *fake);
  fake->claim = CLAIM_ADD;
  fake->at = INVOKE;
  fake->ms = 100;
  for (size_t i = 0; i < count && !*message; i++)
    if (!read_option(fake, keys[i], values[i]))
      snprintf(message, sizeof message, "the fake delegate has no %s=%s", keys[i], values[i]);
  if (!*message && fake->mode == NULL_MESSAGE)
    snprintf(message, sizeof message, "the fake delegate finds no device");
  if (!*message && fault(fake, CREATE))
    snprintf(message, sizeof message, "the fake delegate fails in create");
  if (*message || fake->mode == NULL_SILENT) {
    if (*message && report_error) report_error(message);
    release(fake);
    return NULL;
  }
  fake->delegate.data = fake;
  fake->delegate.Prepare = prepare;
  /* As libedgetpu: else the runtime would look for the custom op's own kernel before `prepare`. */
  if (fake->claim == CLAIM_EDGETPU) fake->delegate.flags = kTfLiteAllowDynamicTensors;
  return &fake->delegate;
}
