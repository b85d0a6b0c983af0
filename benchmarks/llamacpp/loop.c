/* The loop that crossbench is held against: prefill, then one token at a time, and nothing else.
 *
 *     loop MODEL N_CTX N_BATCH N_UBATCH THREADS
 *
 * is a program, and as a shared library `loop_run` works on a context that somebody else has made.
 * The program says which library it runs on, then obeys one line at a time on standard input:
 *
 *     argmax N ID ID ...    continue this prompt by N greedy tokens
 *     none N ID ID ...      the same work without choosing: tokens are drawn at random before the
 *                           clock starts, as llama-bench has it (decode, synchronise, next)
 *
 * and answers with nanoseconds of CLOCK_MONOTONIC from the moment the prompt was at hand to the
 * first token and to the last one, followed by the N tokens.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ggml.h"
#include "llama.h"

enum { LANES = 64 };

static void fail(const char * message) {
    fprintf(stderr, "loop: %s\n", message);
    exit(1);
}

static void drop_log(enum ggml_log_level level, const char * text, void * data) {
    (void) level;
    (void) text;
    (void) data;
}

static int64_t now_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t) at.tv_sec * 1000000000 + at.tv_nsec;
}

/* The largest value by lanes, which compilers turn into vector instructions, then where it stands. */
static llama_token argmax(const float * row, int count) {
    float best[LANES];
    int i = 0;
    for (int lane = 0; lane < LANES; lane++) {
        best[lane] = row[0];
    }
    for (; i + LANES <= count; i += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
            best[lane] = row[i + lane] > best[lane] ? row[i + lane] : best[lane];
        }
    }
    float largest = best[0];
    for (int lane = 1; lane < LANES; lane++) {
        largest = best[lane] > largest ? best[lane] : largest;
    }
    for (; i < count; i++) {
        largest = row[i] > largest ? row[i] : largest;
    }
    for (i = 0; i < count - 1 && row[i] != largest; i++) {
    }
    return i;
}

struct engine {
    struct llama_context * context;
    llama_memory_t cache;
    int vocabulary;
    int capacity;
    struct llama_batch prompt;
    struct llama_batch token;
};

static struct llama_batch new_batch(int capacity) {
    struct llama_batch batch = llama_batch_init(capacity, 0, 1);
    for (int i = 0; i < capacity; i++) {
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
    }
    return batch;
}

static struct engine on(struct llama_context * context) {
    int capacity = llama_n_batch(context);
    return (struct engine) {
        .context = context,
        .cache = llama_get_memory(context),
        .vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(llama_get_model(context))),
        .capacity = capacity,
        .prompt = new_batch(capacity),
        .token = new_batch(1),
    };
}

static struct engine load(char ** argv) {
    llama_log_set(drop_log, NULL);
    llama_backend_init();

    struct llama_model_params weights = llama_model_default_params();
    weights.n_gpu_layers = -1;
    struct llama_model * model = llama_model_load_from_file(argv[1], weights);
    if (!model) {
        fail("the model cannot be loaded");
    }
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = atoi(argv[2]);
    params.n_batch = atoi(argv[3]);
    params.n_ubatch = atoi(argv[4]);
    params.n_threads = params.n_threads_batch = atoi(argv[5]);
    params.n_seq_max = 1;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_AUTO;
    params.type_k = params.type_v = GGML_TYPE_F16;
    params.swa_full = false;
    params.no_perf = false;
    struct llama_context * context = llama_init_from_model(model, params);
    if (!context) {
        fail("the context cannot be made");
    }
    return on(context);
}

static void decode(struct engine * engine, struct llama_batch batch) {
    if (llama_decode(engine->context, batch)) {
        fail("llama_decode failed");
    }
}

static void prefill(struct engine * engine, const llama_token * ids, int count) {
    struct llama_batch batch = engine->prompt;
    for (int start = 0; start < count; start += engine->capacity) {
        int left = count - start;
        batch.n_tokens = left < engine->capacity ? left : engine->capacity;
        for (int i = 0; i < batch.n_tokens; i++) {
            batch.token[i] = ids[start + i];
            batch.pos[i] = start + i;
            batch.logits[i] = start + i == count - 1;
        }
        decode(engine, batch);
    }
}

/* The next token; `out` holds a drawn one where none is to be chosen. */
static void choose(struct engine * engine, int greedy, llama_token * out) {
    if (greedy) {
        *out = argmax(llama_get_logits(engine->context), engine->vocabulary);
    } else {
        llama_synchronize(engine->context);
    }
}

/* Fills `out` with the tokens and `times` with the nanoseconds to the first and to the last. */
static void generate(
    struct engine * engine, int greedy, const llama_token * ids, int prompt, int produced,
    llama_token * out, int64_t * times
) {
    for (int i = 0; i < produced; i++) {
        out[i] = rand() % engine->vocabulary;
    }
    llama_memory_clear(engine->cache, true);
    llama_synchronize(engine->context);

    struct llama_batch batch = engine->token;
    batch.n_tokens = 1;
    batch.logits[0] = 1;
    int64_t began = now_ns();
    prefill(engine, ids, prompt);
    choose(engine, greedy, &out[0]);
    times[0] = now_ns() - began;
    for (int i = 1; i < produced; i++) {
        batch.token[0] = out[i - 1];
        batch.pos[0] = prompt + i - 1;
        decode(engine, batch);
        choose(engine, greedy, &out[i]);
    }
    times[1] = now_ns() - began;
}

/* On a context that is somebody else's, and left empty. */
void loop_run(
    struct llama_context * context, int greedy, const llama_token * ids, int prompt, int produced,
    llama_token * out, int64_t * times
) {
    struct engine engine = on(context);
    generate(&engine, greedy, ids, prompt, produced, out, times);
    llama_memory_clear(engine.cache, false);
    llama_batch_free(engine.prompt);
    llama_batch_free(engine.token);
}

int main(int argc, char ** argv) {
    if (argc != 6) {
        fail("usage: loop MODEL N_CTX N_BATCH N_UBATCH THREADS");
    }
    struct engine engine = load(argv);
    printf("llama.cpp %s (ggml %s, commit %s)\n", llama_version(), ggml_version(), ggml_commit());
    fflush(stdout);

    char * line = NULL;
    size_t room = 0;
    llama_token * ids = malloc(llama_n_ctx(engine.context) * sizeof *ids);
    while (getline(&line, &room, stdin) > 0) {
        const char * mode = strtok(line, " \n");
        const char * produced = strtok(NULL, " \n");
        int count = 0;
        for (char * word; (word = strtok(NULL, " \n")) && count < (int) llama_n_ctx(engine.context);) {
            ids[count++] = atoi(word);
        }
        if (!mode || !produced || atoi(produced) < 1 || !count) {
            fail("a command is: argmax|none N ID ID ...");
        }
        int wanted = atoi(produced);
        llama_token * out = malloc(wanted * sizeof *out);
        int64_t times[2];
        generate(&engine, !strcmp(mode, "argmax"), ids, count, wanted, out, times);
        printf("%lld %lld", (long long) times[0], (long long) times[1]);
        for (int i = 0; i < wanted; i++) {
            printf(" %d", out[i]);
        }
        printf("\n");
        fflush(stdout);
        free(out);
    }
    return 0;
}
