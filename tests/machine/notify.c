/* The functions of <notify.h> that tell thermal pressure on macOS, for tests of what calls them.

   CROSSBENCH_TEST_PRESSURE names a file that holds the level; "refuse" makes registering fail, and
   "break" makes asking fail. Signatures are those of Apple's notify.h. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, INVALID_NAME = 1, INVALID_TOKEN = 2, FAILED = 1000000, TOKEN = 41 };

static int open_tokens = 0;

static void said(char *word, size_t size) {
    const char *path = getenv("CROSSBENCH_TEST_PRESSURE");
    FILE *file = path ? fopen(path, "r") : NULL;
    word[0] = 0;
    if (file && !fgets(word, (int)size, file)) word[0] = 0;
    if (file) fclose(file);
    word[strcspn(word, "\n")] = 0;
}

uint32_t notify_register_check(const char *name, int *token) {
    char word[32];
    said(word, sizeof word);
    if (!strcmp(word, "refuse")) return FAILED;
    if (strcmp(name, "com.apple.system.thermalpressurelevel")) return INVALID_NAME;
    *token = TOKEN;
    open_tokens++;
    return OK;
}

uint32_t notify_get_state(int token, uint64_t *state) {
    char word[32];
    said(word, sizeof word);
    if (token != TOKEN || !open_tokens || !strcmp(word, "break")) return INVALID_TOKEN;
    *state = strtoull(word, NULL, 10);
    return OK;
}

uint32_t notify_cancel(int token) {
    if (token != TOKEN || !open_tokens) return INVALID_TOKEN;
    open_tokens--;
    return OK;
}

int open_now(void) { return open_tokens; }
