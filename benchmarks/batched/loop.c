/* What llama-batched-bench times, on a context that somebody else has made and left empty.
 *
 * All prompts at once, then one token of each sequence a call. Tokens are drawn at random before
 * the clock starts; nothing is chosen from the logits, which are there all the same.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "llama.h"

static int64_t now_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (int64_t) at.tv_sec * 1000000000 + at.tv_nsec;
}

static void add(struct llama_batch * batch, llama_token token, int pos, int sequence, int wanted) {
    int place = batch->n_tokens++;
    batch->token[place] = token;
    batch->pos[place] = pos;
    batch->n_seq_id[place] = 1;
    batch->seq_id[place][0] = sequence;
    batch->logits[place] = wanted;
}

/* In pieces of n_batch tokens; 0 where llama.cpp computed them all. */
static int decode(struct llama_context * context, const struct llama_batch * batch) {
    int capacity = llama_n_batch(context);
    for (int start = 0; start < batch->n_tokens; start += capacity) {
        int left = batch->n_tokens - start;
        struct llama_batch piece = {
            .n_tokens = left < capacity ? left : capacity,
            .token = batch->token + start,
            .pos = batch->pos + start,
            .n_seq_id = batch->n_seq_id + start,
            .seq_id = batch->seq_id + start,
            .logits = batch->logits + start,
        };
        int code = llama_decode(context, piece);
        if (code) {
            return code;
        }
        llama_synchronize(context);
    }
    return 0;
}

/* `ids` holds the prompts one after the other; fills `times` with the nanoseconds until all have
 * their first token, and until all have `produced`. Returns 0, or llama_decode's code. */
int loop_run_batch(
    struct llama_context * context, int streams, const llama_token * ids, int prompt, int produced,
    int64_t * times
) {
    llama_memory_t cache = llama_get_memory(context);
    int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(llama_get_model(context)));
    struct llama_batch batch = llama_batch_init(streams * prompt, 0, 1);
    llama_token * drawn = malloc(streams * produced * sizeof *drawn);
    for (int i = 0; i < streams * produced; i++) {
        drawn[i] = rand() % vocabulary;
    }

    int64_t began = now_ns();
    for (int i = 0; i < streams * prompt; i++) {
        add(&batch, ids[i], i % prompt, i / prompt, i % prompt == prompt - 1);
    }
    int code = decode(context, &batch);
    times[0] = now_ns() - began;
    for (int step = 0; step < produced - 1 && !code; step++) {
        batch.n_tokens = 0;
        for (int sequence = 0; sequence < streams; sequence++) {
            add(&batch, drawn[step * streams + sequence], prompt + step, sequence, 1);
        }
        code = decode(context, &batch);
    }
    times[1] = now_ns() - began;

    llama_memory_clear(cache, false);
    free(drawn);
    llama_batch_free(batch);
    return code;
}
