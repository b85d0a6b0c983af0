/* A libnvidia-ml.so.1 that answers by a script, for tests of what stands on the real binding.

   The script is named by CROSSBENCH_TEST_NVML and holds one "key value" a line:
     driver 570.86.10          what nvmlSystemGetDriverVersion says
     count 2                   devices
     0.name NVIDIA ...         a fact of device 0; one that is not there is NOT_SUPPORTED
     0.used 300,20000          a number that changes from call to call; the last one stays
     0-1.p2p.0 5               a fact of a pair
     fail nvmlInit_v2 9        a function that fails with this nvmlReturn_t
     hang nvmlInit_v2 3600     a function that takes so many seconds
   Signatures are those of NVIDIA's nvml.h. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7, LINE = 512 };

typedef struct { int index; } Device;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned long long total, free, used; } Bar1;
typedef struct { unsigned int gpu, memory; } Utilization;
typedef struct {
    char busIdLegacy[16];
    unsigned int domain, bus, device, pciDeviceId, pciSubSystemId;
    char busId[32];
} PciInfo;
typedef struct {
    unsigned int pid;
    unsigned long long usedGpuMemory;
    unsigned int gpuInstanceId, computeInstanceId;
} Process;

static Device devices[16];
static struct { char script[LINE], key[96]; int calls; } series[64];

static int find(const char *key, char *value) {
    const char *script = getenv("CROSSBENCH_TEST_NVML");
    FILE *file = script ? fopen(script, "r") : NULL;
    char line[LINE];
    int found = 0;
    size_t length = strlen(key);
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, key, length) == 0 && line[length] == ' ') {
            strcpy(value, line + length + 1);
            found = 1;
        }
    }
    if (file) fclose(file);
    return found;
}

static int failing(const char *function) {
    char key[128], value[LINE];
    snprintf(key, sizeof key, "hang %s", function);
    if (find(key, value)) sleep((unsigned int)atoi(value));
    snprintf(key, sizeof key, "fail %s", function);
    return find(key, value) ? atoi(value) : SUCCESS;
}

/* Which call this is for a key of the script in use, from 0. */
static int call_of(const char *key) {
    const char *script = getenv("CROSSBENCH_TEST_NVML");
    for (int i = 0; i < 64; i++) {
        if (!series[i].key[0]) {
            snprintf(series[i].key, sizeof series[i].key, "%s", key);
            snprintf(series[i].script, sizeof series[i].script, "%s", script ? script : "");
        }
        if (!strcmp(series[i].key, key) && !strcmp(series[i].script, script ? script : ""))
            return series[i].calls++;
    }
    return 0;
}

static int number(const char *function, const char *key, unsigned long long *out) {
    char value[LINE];
    int failed = failing(function);
    if (failed) return failed;
    if (!find(key, value)) return NOT_SUPPORTED;
    char *at = value;
    if (strchr(value, ','))
        for (int call = call_of(key); call > 0 && strchr(at, ','); call--) at = strchr(at, ',') + 1;
    *out = strtoull(at, NULL, 0);
    return SUCCESS;
}

static int text(const char *function, const char *key, char *out, unsigned int size) {
    char value[LINE];
    int failed = failing(function);
    if (failed) return failed;
    if (!find(key, value)) return NOT_SUPPORTED;
    snprintf(out, size, "%s", value);
    return SUCCESS;
}

static const char *of(Device *device, const char *fact) {
    static char key[96];
    snprintf(key, sizeof key, "%d.%s", device->index, fact);
    return key;
}

static const char *between(Device *a, Device *b, const char *fact) {
    static char key[96];
    int low = a->index < b->index ? a->index : b->index;
    int high = a->index < b->index ? b->index : a->index;
    snprintf(key, sizeof key, "%d-%d.%s", low, high, fact);
    return key;
}

int nvmlInitWithFlags(unsigned int flags) { (void)flags; return failing("nvmlInitWithFlags"); }
int nvmlInit_v2(void) { return failing("nvmlInit_v2"); }
int nvmlShutdown(void) { return SUCCESS; }

const char *nvmlErrorString(int code) {
    return code == NOT_SUPPORTED ? "Not Supported" : code == 9 ? "Driver Not Loaded" : "Unknown Error";
}

int nvmlSystemGetDriverVersion(char *out, unsigned int size) {
    return text("nvmlSystemGetDriverVersion", "driver", out, size);
}

int nvmlSystemGetCudaDriverVersion(int *out) {
    unsigned long long value = 0;
    int code = number("nvmlSystemGetCudaDriverVersion", "cuda", &value);
    *out = (int)value;
    return code;
}
int nvmlSystemGetCudaDriverVersion_v2(int *out) { return nvmlSystemGetCudaDriverVersion(out); }

int nvmlSystemGetProcessName(unsigned int pid, char *out, unsigned int size) {
    char key[32];
    snprintf(key, sizeof key, "process.%u", pid);
    return text("nvmlSystemGetProcessName", key, out, size);
}

int nvmlDeviceGetCount_v2(unsigned int *out) {
    unsigned long long value = 0;
    int code = number("nvmlDeviceGetCount_v2", "count", &value);
    *out = (unsigned int)value;
    return code;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, Device **out) {
    char key[32], lost[LINE];
    snprintf(key, sizeof key, "%u.lost", index);
    if (find(key, lost)) return atoi(lost);
    devices[index].index = (int)index;
    *out = &devices[index];
    return failing("nvmlDeviceGetHandleByIndex_v2");
}

#define TEXT(function, fact)                                          \
    int function(Device *device, char *out, unsigned int size) {      \
        return text(#function, of(device, fact), out, size);          \
    }
#define NUMBER(function, fact)                                        \
    int function(Device *device, unsigned int *out) {                 \
        unsigned long long value = 0;                                 \
        int code = number(#function, of(device, fact), &value);       \
        *out = (unsigned int)value;                                   \
        return code;                                                  \
    }
#define WIDE(function, fact)                                          \
    int function(Device *device, unsigned long long *out) {           \
        return number(#function, of(device, fact), out);              \
    }
#define TWO(function, first, second)                                  \
    int function(Device *device, unsigned int *one, unsigned int *two) { \
        unsigned long long a = 0, b = 0;                              \
        int code = number(#function, of(device, first), &a);          \
        if (!code) code = number(#function, of(device, second), &b);  \
        *one = (unsigned int)a;                                       \
        *two = (unsigned int)b;                                       \
        return code;                                                  \
    }

TEXT(nvmlDeviceGetName, "name")
TEXT(nvmlDeviceGetUUID, "uuid")
TEXT(nvmlDeviceGetVbiosVersion, "vbios")
NUMBER(nvmlDeviceGetCurrPcieLinkGeneration, "pcie.generation")
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, "pcie.most_generation")
NUMBER(nvmlDeviceGetCurrPcieLinkWidth, "pcie.width")
NUMBER(nvmlDeviceGetMaxPcieLinkWidth, "pcie.most_width")
NUMBER(nvmlDeviceGetPowerManagementLimit, "power.limit")
NUMBER(nvmlDeviceGetPowerManagementDefaultLimit, "power.default")
NUMBER(nvmlDeviceGetPowerUsage, "power.usage")
NUMBER(nvmlDeviceGetComputeMode, "compute_mode")
NUMBER(nvmlDeviceGetPersistenceMode, "persistence")
WIDE(nvmlDeviceGetCurrentClocksThrottleReasons, "reasons")
WIDE(nvmlDeviceGetCurrentClocksEventReasons, "reasons")
WIDE(nvmlDeviceGetTotalEnergyConsumption, "energy")
TWO(nvmlDeviceGetPowerManagementLimitConstraints, "power.least", "power.most")
TWO(nvmlDeviceGetEccMode, "ecc", "ecc")

int nvmlDeviceGetTemperature(Device *device, int sensor, unsigned int *out) {
    unsigned long long value = 0;
    int code = number("nvmlDeviceGetTemperature", of(device, "temperature"), &value);
    (void)sensor;
    *out = (unsigned int)value;
    return code;
}

int nvmlDeviceGetClockInfo(Device *device, int kind, unsigned int *out) {
    unsigned long long value = 0;
    char fact[24];
    snprintf(fact, sizeof fact, "clock.%d", kind);
    int code = number("nvmlDeviceGetClockInfo", of(device, fact), &value);
    *out = (unsigned int)value;
    return code;
}

int nvmlDeviceGetPcieThroughput(Device *device, int counter, unsigned int *out) {
    unsigned long long value = 0;
    const char *fact = counter == 0 ? "pcie.sent" : "pcie.received";
    int code = number("nvmlDeviceGetPcieThroughput", of(device, fact), &value);
    *out = (unsigned int)value;
    return code;
}

int nvmlDeviceGetMemoryInfo(Device *device, Memory *out) {
    int code = number("nvmlDeviceGetMemoryInfo", of(device, "total"), &out->total);
    if (!code) code = number("nvmlDeviceGetMemoryInfo", of(device, "used"), &out->used);
    out->free = out->total - out->used;
    return code;
}

int nvmlDeviceGetBAR1MemoryInfo(Device *device, Bar1 *out) {
    int code = number("nvmlDeviceGetBAR1MemoryInfo", of(device, "bar1"), &out->total);
    out->used = 0;
    out->free = out->total;
    return code;
}

int nvmlDeviceGetUtilizationRates(Device *device, Utilization *out) {
    unsigned long long value = 0;
    int code = number("nvmlDeviceGetUtilizationRates", of(device, "busy"), &value);
    out->gpu = (unsigned int)value;
    out->memory = 0;
    return code;
}

static int address(const char *function, const char *key, PciInfo *out) {
    memset(out, 0, sizeof *out);
    return text(function, key, out->busId, sizeof out->busId);
}
int nvmlDeviceGetPciInfo_v3(Device *device, PciInfo *out) {
    return address("nvmlDeviceGetPciInfo_v3", of(device, "pci"), out);
}
int nvmlDeviceGetNvLinkRemotePciInfo_v2(Device *device, unsigned int link, PciInfo *out) {
    char fact[32];
    snprintf(fact, sizeof fact, "nvlink.%u.end", link);
    return address("nvmlDeviceGetNvLinkRemotePciInfo_v2", of(device, fact), out);
}

int nvmlDeviceGetNvLinkState(Device *device, unsigned int link, unsigned int *out) {
    unsigned long long value = 0;
    char fact[32];
    snprintf(fact, sizeof fact, "nvlink.%u", link);
    int code = number("nvmlDeviceGetNvLinkState", of(device, fact), &value);
    *out = (unsigned int)value;
    return code;
}

int nvmlDeviceGetTopologyCommonAncestor(Device *a, Device *b, int *out) {
    unsigned long long value = 0;
    int code = number("nvmlDeviceGetTopologyCommonAncestor", between(a, b, "topology"), &value);
    *out = (int)value;
    return code;
}

int nvmlDeviceGetP2PStatus(Device *a, Device *b, int kind, int *out) {
    unsigned long long value = 0;
    char fact[24];
    snprintf(fact, sizeof fact, "p2p.%d", kind);
    int code = number("nvmlDeviceGetP2PStatus", between(a, b, fact), &value);
    *out = (int)value;
    return code;
}

/* "0.compute 4711:2147483648 4712:0" */
static int processes(const char *function, const char *key, unsigned int *count, Process *out) {
    char value[LINE];
    unsigned int found = 0, room = *count;
    int failed = failing(function);
    if (failed) return failed;
    if (!find(key, value)) {
        *count = 0;
        return SUCCESS;
    }
    for (char *word = strtok(value, " "); word; word = strtok(NULL, " "), found++) {
        if (found < room && out) {
            memset(&out[found], 0, sizeof *out);
            sscanf(word, "%u:%llu", &out[found].pid, &out[found].usedGpuMemory);
        }
    }
    *count = found;
    return found > room ? INSUFFICIENT_SIZE : SUCCESS;
}
int nvmlDeviceGetComputeRunningProcesses_v3(Device *device, unsigned int *count, Process *out) {
    return processes("nvmlDeviceGetComputeRunningProcesses_v3", of(device, "compute"), count, out);
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(Device *device, unsigned int *count, Process *out) {
    return processes("nvmlDeviceGetGraphicsRunningProcesses_v3", of(device, "graphics"), count, out);
}
