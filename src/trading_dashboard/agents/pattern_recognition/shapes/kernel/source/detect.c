/* The kernel's face: a series in, its detections out, all in memory of the caller. */
#include "kernel.h"

#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__)
#define EXPORTED __attribute__((visibility("default")))
#else
#define EXPORTED
#endif

/* What a call returns instead of a number of detections. */
enum { NO_MEMORY = -1, REFUSED = -2, TOO_LARGE = -3, NO_ROOM = -4 };

static const double LARGEST_PRICE = 1e100;
/* Their columns, too, are fewer bytes than the smallest machine can count. */
static const int64_t MOST_BARS = INT64_C(1) << 26;

#define QUOTED(name) #name " "
#define QUOTED_FIRST(name, group) #name " "
EXPORTED const char *shapes_settings(void) { return SETTINGS(QUOTED); }
EXPORTED const char *shapes_patterns(void) { return PATTERNS(QUOTED_FIRST); }
EXPORTED const char *shapes_roles(void) { return ROLES(QUOTED); }
EXPORTED const char *shapes_states(void) { return STATES(QUOTED); }

static bool is_between(double value, double low, double high) {
    return value >= low && value <= high;
}

/* Without these an array would be read or written beyond its bounds; others only mean little. */
static bool are_sound(const Settings *settings) {
    return is_between(settings->range_pivots, 4, MAX_PIVOTS) &&
           is_between(settings->range_max_pivots, 1, MAX_PIVOTS) &&
           is_between(settings->range_min_bars, 1, MAX_LOOKBACK) &&
           is_between(settings->flag_min_bars, 5, MAX_LOOKBACK) &&
           is_between(settings->flag_max_bars, 5, MAX_LOOKBACK) &&
           is_between(settings->pole_max_bars, 1, MAX_LOOKBACK) &&
           is_between(settings->gap_bars, 1, MAX_LOOKBACK - 1) &&
           is_between(settings->gap_fill_bars, 1, MAX_LOOKBACK) &&
           is_between(settings->volume_bars, 1, MAX_LOOKBACK);
}

static bool wants(const Series *series, Group group) {
    for (int pattern = 0; pattern < PATTERN_COUNT; pattern++) {
        if (series->wanted >> pattern & 1 && group_of(pattern) == group) {
            return true;
        }
    }
    return false;
}

/* Look at what a new turning point may have completed. */
static void look(Series *series, const ZigZag *zigzag, int64_t bar, const bool *wanted) {
    Candidate found;
    if (wanted[REVERSAL] && find_reversal(zigzag, series, bar, &found)) {
        offer(series, &found, bar);
    }
    if (wanted[CUP] && find_cup(zigzag, series, bar, &found)) {
        offer(series, &found, bar);
    }
    if (wanted[RANGE] && find_range(zigzag, series, bar, &found)) {
        offer(series, &found, bar);
    }
}

/* The twin of the engine's `step`, for all bars. The last zigzag is that of the poles' tips. */
static void run(Series *series, const bool *is_looked_at, ZigZag *zigzags, int64_t scales) {
    bool wanted[] = {wants(series, REVERSAL), wants(series, CUP), wants(series, RANGE),
                     wants(series, FLAG), wants(series, GAP)};
    bool wants_turns = wanted[REVERSAL] || wanted[CUP] || wanted[RANGE];
    for (int64_t bar = 0; bar < series->count && !series->is_out_of_memory; bar++) {
        if (!is_looked_at[bar]) {
            continue;
        }
        double high = series->high[bar], low = series->low[bar], atr = series->atrs[bar];
        begin_bar(series, bar);
        follow(series, bar);
        for (int64_t scale = 0; wants_turns && scale < scales; scale++) {
            if (push_zigzag(zigzags + scale, bar, high, low, atr) != NULL) {
                look(series, zigzags + scale, bar, wanted);
            }
        }
        if (wanted[FLAG]) {
            const Pivot *tip = push_zigzag(zigzags + scales, bar, high, low, atr);
            if (tip != NULL) {
                see_pole(series, tip);
            }
            push_poles(series, bar);
        }
        if (wanted[GAP]) {
            push_gaps(series, bar);
        }
    }
}

/* Where the next numbers are written to. */
typedef struct {
    int64_t *rows, *bars, *known, *is_high, *roles, *starts, *ends;
    double *numbers, *prices, *start_prices, *end_prices;
} Tape;

enum { ROW = 17, NUMBERS = 13 };

static void write_said(Tape *tape, const Said *said) {
    for (int place = 0; place < said->pivot_count; place++) {
        *tape->bars++ = said->pivots[place].bar;
        *tape->known++ = said->pivots[place].known_at;
        *tape->is_high++ = said->pivots[place].is_high;
        *tape->prices++ = said->pivots[place].price;
    }
    for (int place = 0; place < said->line_count; place++) {
        *tape->roles++ = said->lines[place].role;
        *tape->starts++ = said->lines[place].start;
        *tape->ends++ = said->lines[place].end;
        *tape->start_prices++ = said->lines[place].start_price;
        *tape->end_prices++ = said->lines[place].end_price;
    }
}

static bool is_said_anew(const Living *living) {
    return living->is_refined && living->confirmed_at >= 0;
}

static void write_living(Tape *tape, const Living *living) {
    const Said *now = &living->now, *formed = &living->formed;
    const Change *changes = living->changes;
    bool is_anew = is_said_anew(living);
    int64_t row[ROW] = {
        living->candidate.pattern,
        now->direction,
        living->start,
        living->end,
        living->known_at,
        living->confirmed_at,
        living->has_ratio,
        living->volume_confirms,
        formed->direction,
        formed->pivot_count,
        formed->line_count,
        is_anew ? now->pivot_count : 0,
        is_anew ? now->line_count : 0,
        living->change_count > 0 ? changes[0].state : -1,
        living->change_count > 0 ? changes[0].bar : -1,
        living->change_count > 1 ? changes[1].state : -1,
        living->change_count > 1 ? changes[1].bar : -1,
    };
    double numbers[NUMBERS] = {
        now->fit,
        now->strength,
        now->breakout_level,
        now->invalidation,
        now->target,
        living->volume_ratio,
        formed->fit,
        formed->strength,
        formed->breakout_level,
        formed->invalidation,
        formed->target,
        living->change_count > 0 ? changes[0].price : 0.0,
        living->change_count > 1 ? changes[1].price : 0.0,
    };
    memcpy(tape->rows, row, sizeof(row));
    memcpy(tape->numbers, numbers, sizeof(numbers));
    tape->rows += ROW;
    tape->numbers += NUMBERS;
    write_said(tape, formed);
    if (is_anew) {
        write_said(tape, now);
    }
}

/* Write how many pivots, lines and detections there are, a row for each of these, then columns. */
static int64_t write(const Series *series, int64_t *ints, int64_t room_ints, double *floats,
                     int64_t room_floats) {
    const Living *made = series->made.items;
    int64_t count = series->made.count, pivots = 0, lines = 0;
    for (int64_t place = 0; place < count; place++) {
        bool is_anew = is_said_anew(made + place);
        pivots += made[place].formed.pivot_count + (is_anew ? made[place].now.pivot_count : 0);
        lines += made[place].formed.line_count + (is_anew ? made[place].now.line_count : 0);
    }
    ints[0] = pivots;
    ints[1] = lines;
    ints[2] = count;
    if (3 + ROW * count + 3 * (pivots + lines) > room_ints ||
        NUMBERS * count + pivots + 2 * lines > room_floats) {
        return NO_ROOM;
    }
    Tape tape = {.rows = ints + 3, .numbers = floats};
    tape.bars = tape.rows + ROW * count;
    tape.known = tape.bars + pivots;
    tape.is_high = tape.known + pivots;
    tape.roles = tape.is_high + pivots;
    tape.starts = tape.roles + lines;
    tape.ends = tape.starts + lines;
    tape.prices = tape.numbers + NUMBERS * count;
    tape.start_prices = tape.prices + pivots;
    tape.end_prices = tape.start_prices + lines;
    for (int64_t place = 0; place < count; place++) {
        write_living(&tape, made + place);
    }
    return count;
}

static bool is_too_large(const Series *series) {
    double highest = highest_of(series->high, 0, series->count);
    double lowest = lowest_of(series->low, 0, series->count);
    return !(larger(highest, -lowest) < LARGEST_PRICE);
}

static int64_t search(Series *series, const double *const columns[5], double *numbers,
                      ZigZag *zigzags, int64_t scales, int64_t *ints, int64_t room_ints,
                      double *floats, int64_t room_floats) {
    bool *is_looked_at = (bool *)(numbers + 5 * series->count);
    series->high = numbers;
    series->low = numbers + series->count;
    series->close = numbers + 2 * series->count;
    series->volume = numbers + 3 * series->count;
    series->atrs = numbers + 4 * series->count;
    if (!fill_columns(series, columns[0], columns[1], columns[2], columns[3], columns[4],
                      is_looked_at)) {
        return write(series, ints, room_ints, floats, room_floats);
    }
    if (is_too_large(series)) {
        return TOO_LARGE;
    }
    run(series, is_looked_at, zigzags, scales);
    if (series->is_out_of_memory) {
        return NO_MEMORY;
    }
    return write(series, ints, room_ints, floats, room_floats);
}

/* Find every chart pattern of a series.
 *
 * `columns` are open, high, low, close and volume, of `count` numbers each; `settings` as
 * `shapes_settings` names them, then the scales; `wanted` has a bit for each of `shapes_patterns`.
 * `ints` has room for `room_ints` numbers, at least 3, `floats` for `room_floats`.
 *
 * Returns how many were found, or why they were not. After NO_ROOM `ints` begins with the numbers
 * of pivots, lines and detections there must be room for. Keeps nothing, writes nowhere else.
 */
EXPORTED int64_t shapes_detect(const double *open, const double *high, const double *low,
                               const double *close, const double *volume, int64_t count,
                               const double *settings, int64_t scales, uint64_t wanted,
                               int64_t *ints, int64_t room_ints, double *floats,
                               int64_t room_floats) {
    Series series = {.wanted = wanted, .count = count};
    ZigZag zigzags[MAX_SCALES + 1];
    memcpy(&series.settings, settings, sizeof(Settings));
    if (count < 0 || count > MOST_BARS || scales < 1 || scales > MAX_SCALES || room_ints < 3 ||
        wanted >> PATTERN_COUNT || !are_sound(&series.settings)) {
        return REFUSED;
    }
    const double *of_scales = settings + sizeof(Settings) / sizeof(double);
    for (int64_t scale = 0; scale <= scales; scale++) {
        double factor = scale < scales ? of_scales[scale] : series.settings.pole_end_atr;
        zigzags[scale] = (ZigZag){.factor = factor, .bar = -1, .other_bar = -1};
    }
    double *numbers = malloc((size_t)count * (5 * sizeof(double) + sizeof(bool)) + 1);
    if (numbers == NULL) {
        return NO_MEMORY;
    }
    const double *columns[] = {open, high, low, close, volume};
    int64_t found = search(&series, columns, numbers, zigzags, scales, ints, room_ints, floats,
                           room_floats);
    Growing *grown[] = {&series.made, &series.open, &series.told, &series.poles, &series.gaps};
    for (int place = 0; place < 5; place++) {
        free(grown[place]->items);
    }
    free(numbers);
    return found;
}
