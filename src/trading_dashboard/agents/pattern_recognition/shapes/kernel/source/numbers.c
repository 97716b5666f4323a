/* Small arithmetic, each as Python does it: `max`, `min`, `int`, sums from left to right. */
#include "kernel.h"

#include <stdlib.h>

/* So many of any are fewer bytes than the smallest machine can count. */
static const int64_t MOST_ITEMS = INT64_C(1) << 20;

double larger(double one, double other) { return other > one ? other : one; }

double smaller(double one, double other) { return other < one ? other : one; }

int64_t later(int64_t one, int64_t other) { return other > one ? other : one; }

/* Towards 0. What no series is long enough for is all the same. */
int64_t whole(double number) {
    const double most = 1e15;
    if (!(number > -most)) {
        return (int64_t)-most;
    }
    return (int64_t)(number < most ? number : most);
}

double highest_of(const double *values, int64_t first, int64_t stop) {
    double found = values[first];
    for (int64_t place = first + 1; place < stop; place++) {
        found = larger(found, values[place]);
    }
    return found;
}

double lowest_of(const double *values, int64_t first, int64_t stop) {
    double found = values[first];
    for (int64_t place = first + 1; place < stop; place++) {
        found = smaller(found, values[place]);
    }
    return found;
}

double line_at(const Line *line, int64_t bar) {
    int64_t run = line->end - line->start;
    double slope = run ? (line->end_price - line->start_price) / (double)run : 0.0;
    return line->start_price + slope * (double)(bar - line->start);
}

Line level(int role, int64_t first, int64_t last, double price) {
    return (Line){role, first, last, price, price};
}

/* Through each `step`-th of the points. */
Line line_through(const Pivot *points, int step, int count, int role, int64_t first,
                  int64_t last) {
    double bars = 0.0, prices = 0.0, spread = 0.0, rise = 0.0;
    for (int place = 0; place < count; place++) {
        bars += (double)points[place * step].bar;
        prices += points[place * step].price;
    }
    double middle = bars / count, mean = prices / count;
    for (int place = 0; place < count; place++) {
        double run = (double)points[place * step].bar - middle;
        spread += run * run;
        rise += run * (points[place * step].price - mean);
    }
    double slope = spread != 0.0 ? rise / spread : 0.0;
    return (Line){role, first, last, mean + slope * ((double)first - middle),
                  mean + slope * ((double)last - middle)};
}

double fit_of(const double *deviations, int count) {
    double sum = 0.0;
    for (int place = 0; place < count; place++) {
        sum += fabs(deviations[place]);
    }
    return smaller(larger(1.0 - sum / count, 0.0), 1.0);
}

int64_t oldest_at(int64_t bar) { return bar + 1 - MAX_LOOKBACK; }

/* Return a new last item, or NULL if there is no memory: then the whole search has failed. */
void *one_more(Series *series, Growing *growing, int64_t size) {
    if (growing->count == growing->room) {
        int64_t room = growing->room ? 2 * growing->room : 32;
        void *items =
            room > MOST_ITEMS ? NULL : realloc(growing->items, (size_t)room * (size_t)size);
        if (items == NULL) {
            series->is_out_of_memory = true;
            return NULL;
        }
        growing->items = items;
        growing->room = room;
    }
    return (char *)growing->items + size * growing->count++;
}
