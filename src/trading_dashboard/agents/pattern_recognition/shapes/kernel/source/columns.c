/* The columns of a series and its ATR: what `track.py` makes bar by bar. */
#include "kernel.h"

/* Fill the columns, and say at which bars patterns are looked for: sound ones with an ATR that is
 * not 0. Return whether there is a sound bar. */
bool fill_columns(Series *series, const double *open, const double *high, const double *low,
                  const double *close, const double *volume, bool *is_looked_at) {
    int64_t seen = 0;
    double before = 0.0, ranges = 0.0, atr = 0.0;
    for (int64_t bar = 0; bar < series->count; bar++) {
        bool is_sound = isfinite(open[bar] + high[bar] + low[bar] + close[bar]);
        if (is_sound) {
            for (int64_t gap = 0; seen == 0 && gap < bar; gap++) {
                series->high[gap] = series->low[gap] = series->close[gap] = close[bar];
            }
            double extent = seen ? larger(before, high[bar]) - smaller(before, low[bar])
                                 : high[bar] - low[bar];
            if (seen >= ATR_BARS) {
                atr += (extent - atr) / ATR_BARS;
            } else {
                ranges += extent;
                atr = seen == ATR_BARS - 1 ? ranges / ATR_BARS : 0.0;
            }
            seen++;
            before = close[bar];
        }
        series->high[bar] = is_sound ? high[bar] : before;
        series->low[bar] = is_sound ? low[bar] : before;
        series->close[bar] = before;
        series->volume[bar] = volume[bar] > 0.0 && volume[bar] < INFINITY ? volume[bar] : 0.0;
        series->atrs[bar] = atr;
        is_looked_at[bar] = is_sound && atr > 0.0;
    }
    return seen > 0;
}

double volume_ratio(const Series *series, int64_t bar, int64_t length, bool *is_known) {
    int64_t count = 0;
    double sum = 0.0;
    for (int64_t place = later(bar - length, 0); place < bar; place++) {
        if (series->volume[place] > 0.0) {
            sum += series->volume[place];
            count++;
        }
    }
    *is_known = count > 0 && series->volume[bar] > 0.0;
    return *is_known ? series->volume[bar] * (double)count / sum : 0.0;
}
