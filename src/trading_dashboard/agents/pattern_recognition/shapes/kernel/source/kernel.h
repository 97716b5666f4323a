/* What the kernel's files share: a series as columns, what recognisers hand on, what is told.
 *
 * The kernel says what the engine says (`shapes/engine.py`), number by number: each function has
 * the name and the order of operations of its Python twin, where the rules and their reasons are
 * documented. Compiled without contraction, so that results are the same on all machines.
 */
#ifndef SHAPES_KERNEL_H
#define SHAPES_KERNEL_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if FLT_EVAL_METHOD != 0
#error "numbers are kept wider than a double on this machine: results would differ"
#endif

enum {
    ATR_BARS = 14,
    KEPT = 24,
    MAX_LINES = 3,
    MAX_LOOKBACK = 512,
    MAX_PIVOTS = 12,
    MAX_SCALES = 6,
};

/* In the order of their names, so that numbers sort as names do. */
#define PATTERNS(X)                                                                                \
    X(ascending_channel, RANGE) X(ascending_triangle, RANGE) X(bear_flag, FLAG)                    \
    X(bear_pennant, FLAG) X(breakaway_gap, GAP) X(bull_flag, FLAG) X(bull_pennant, FLAG)           \
    X(cup_and_handle, CUP) X(descending_channel, RANGE) X(descending_triangle, RANGE)              \
    X(double_bottom, REVERSAL) X(double_top, REVERSAL) X(exhaustion_gap, GAP)                      \
    X(falling_wedge, RANGE) X(head_and_shoulders, REVERSAL) X(inverse_cup_and_handle, CUP)         \
    X(inverse_head_and_shoulders, REVERSAL) X(rectangle, RANGE) X(rising_wedge, RANGE)             \
    X(runaway_gap, GAP) X(symmetrical_triangle, RANGE) X(triple_bottom, REVERSAL)                  \
    X(triple_top, REVERSAL)

#define ROLES(X) X(cup) X(level) X(lower) X(neckline) X(pole) X(upper)

#define STATES(X) X(forming) X(confirmed) X(target_reached) X(failed) X(expired)

/* All of `ShapeSettings` but the scales; whole numbers are whole doubles. */
#define SETTINGS(X)                                                                                \
    X(breakout_atr) X(forming_share) X(confirmed_share) X(confirmed_min_bars) X(overlap_share)     \
    X(volume_bars) X(volume_factor) X(min_height_atr) X(peak_tolerance) X(reversal_min_bars)       \
    X(reversal_max_bars) X(reversal_trend) X(leg_balance) X(triple_valley_spread)                  \
    X(head_prominence) X(shoulder_spread) X(shoulder_height) X(neckline_slope) X(range_pivots)     \
    X(range_leg_ratio) X(range_max_pivots) X(range_min_bars) X(range_max_bars) X(line_tolerance)   \
    X(line_atr) X(range_fit) X(outside_share) X(flat_slope) X(triangle_slope) X(converging_ratio)  \
    X(parallel_ratio) X(rectangle_slope) X(channel_slope) X(pole_atr) X(pole_max_bars)             \
    X(pole_speed) X(pole_end_atr) X(flag_min_bars) X(flag_max_bars) X(flag_depth) X(flag_width)    \
    X(flag_tolerance) X(flag_slope) X(flag_slope_against) X(flag_swing) X(flag_swings)             \
    X(pennant_ratio) X(flag_ratio) X(cup_min_bars) X(cup_max_bars) X(cup_rim_spread) X(cup_trend)  \
    X(cup_round) X(cup_misfit) X(handle_min_bars) X(handle_share) X(handle_depth) X(gap_atr)       \
    X(gap_bars) X(gap_range_atr) X(gap_trend_atr) X(gap_efficiency) X(gap_follow_atr)              \
    X(gap_fill_bars) X(gap_retrace)

#define AS_PATTERN(name, group) PATTERN_##name,
#define AS_ROLE(name) ROLE_##name,
#define AS_STATE(name) STATE_##name,
#define AS_FIELD(name) double name;
enum { PATTERNS(AS_PATTERN) PATTERN_COUNT };
enum { ROLES(AS_ROLE) ROLE_COUNT };
enum { STATES(AS_STATE) STATE_COUNT };
typedef enum { REVERSAL, CUP, RANGE, FLAG, GAP } Group;
typedef struct {
    SETTINGS(AS_FIELD)
} Settings;

typedef struct {
    int64_t bar, known_at;
    double price;
    bool is_high;
} Pivot;

typedef struct {
    int64_t role, start, end;
    double start_price, end_price;
} Line;

typedef struct {
    int pattern, direction, pivot_count, line_count;
    Pivot pivots[MAX_PIVOTS];
    Line lines[MAX_LINES];
    Line above, below;
    double height, fit, stop, target;
    int64_t touches, expires, earliest;
    bool has_stop, has_target, confirms_at_once, follows;
} Candidate;

/* What is said of a pattern: when it was formed, and again when it is confirmed. */
typedef struct {
    int direction, pivot_count, line_count;
    Pivot pivots[MAX_PIVOTS];
    Line lines[MAX_LINES];
    double fit, strength, breakout_level, invalidation, target;
} Said;

typedef struct {
    int state;
    int64_t bar;
    double price;
} Change;

/* A detection and what decides about it. */
typedef struct {
    Candidate candidate;
    Said formed, now;
    Change changes[2];
    int change_count, volume_confirms;
    int64_t start, end, known_at, confirmed_at, expires;
    double volume_ratio;
    bool has_ratio, is_over, is_beaten, is_refined;
} Living;

typedef struct {
    double factor, price, other_price;
    int64_t bar, other_bar;
    int side, count;
    Pivot pivots[KEPT];
} ZigZag;

typedef struct {
    Pivot foot, top;
    int sign;
    double height;
} Pole;

typedef struct {
    int64_t bar, start;
    int sign;
    double edge, far_edge, start_price;
} TrendGap;

typedef struct {
    int64_t first, last;
} Told;

/* An array that grows: `items` is the caller's memory of `room` items. */
typedef struct {
    void *items;
    int64_t count, room;
} Growing;

typedef struct {
    Settings settings;
    uint64_t wanted;
    int64_t count;
    double *high, *low, *close, *volume, *atrs;
    Growing made, open, told, poles, gaps;
    int64_t forgotten; /* of `told`, from its beginning */
    bool is_out_of_memory;
} Series;

/* numbers.c */
double larger(double one, double other);
double smaller(double one, double other);
int64_t later(int64_t one, int64_t other);
int64_t whole(double number);
double highest_of(const double *values, int64_t first, int64_t stop);
double lowest_of(const double *values, int64_t first, int64_t stop);
double line_at(const Line *line, int64_t bar);
Line level(int role, int64_t first, int64_t last, double price);
Line line_through(const Pivot *points, int step, int count, int role, int64_t first, int64_t last);
double fit_of(const double *deviations, int count);
int64_t oldest_at(int64_t bar);
void *one_more(Series *series, Growing *growing, int64_t size);

/* columns.c */
bool fill_columns(Series *series, const double *open, const double *high, const double *low,
                  const double *close, const double *volume, bool *is_looked_at);
double volume_ratio(const Series *series, int64_t bar, int64_t length, bool *is_known);

/* One file each, named as in Python. They return whether there is something. */
Pivot *push_zigzag(ZigZag *zigzag, int64_t bar, double high, double low, double atr);
bool find_reversal(const ZigZag *zigzag, const Series *series, int64_t bar, Candidate *found);
bool find_cup(const ZigZag *zigzag, const Series *series, int64_t bar, Candidate *found);
bool find_range(const ZigZag *zigzag, const Series *series, int64_t bar, Candidate *found);
void see_pole(Series *series, const Pivot *top);
void push_poles(Series *series, int64_t bar);
void push_gaps(Series *series, int64_t bar);

/* life.c and selection.c */
Group group_of(int pattern);
void begin_life(Living *living, const Candidate *candidate, int64_t bar);
bool push_life(Living *living, const Series *series, int64_t bar);
bool yields_to(Living *living, const Candidate *candidate);
void supersede(Living *living, const Series *series, int64_t bar);
void begin_bar(Series *series, int64_t bar);
void follow(Series *series, int64_t bar);
bool is_explained(const Series *series, int64_t start, int64_t bar);
void offer(Series *series, const Candidate *candidate, int64_t bar);

#endif
