// Fills what lies between two lines of an indicator, such as Ichimoku's cloud.
//
// A primitive of the chart library, as gap_shading.

const OPACITY = 0.12;

/** [{at, first, second}] of the two lines drawn as a cloud, in bars as the library counts. */
export function cloudOf(lines, index) {
  const [first, second] = lines.filter(({ style }) => style === 'cloud');
  if (!second) return [];
  return first.points.flatMap(({ time, value }) => {
    const other = second.byTime.get(time);
    return value === undefined || other === null || other === undefined ? [] : [{ at: index.get(time), first: value, second: other }];
  });
}

export class CloudFill {
  constructor(colours) {
    this.colours = colours;
    this.points = [];
    this.view = { zOrder: () => 'bottom', renderer: () => ({ draw: (target) => this.#draw(target) }) };
  }

  attached({ chart, series, requestUpdate }) {
    this.chart = chart;
    this.series = series;
    this.requestUpdate = requestUpdate;
  }

  paneViews() {
    return [this.view];
  }

  set(points) {
    this.points = points;
    this.requestUpdate?.();
  }

  #draw(target) {
    target.useMediaCoordinateSpace(({ context, mediaSize: { width } }) => {
      const { up, down } = this.colours();
      const scale = this.chart.timeScale();
      context.save();
      context.globalAlpha = OPACITY;
      const places = this.points.map(({ at, first, second }) => ({
        x: scale.logicalToCoordinate(at), a: this.series.priceToCoordinate(first), b: this.series.priceToCoordinate(second), isUp: first >= second,
      })).filter(({ x, a, b }) => x !== null && a !== null && b !== null);
      for (let at = 1; at < places.length; at += 1) {
        const [from, to] = [places[at - 1], places[at]];
        if (to.x < 0 || from.x > width) continue;
        context.fillStyle = to.isUp ? up : down;
        context.beginPath();
        context.moveTo(from.x, from.a);
        context.lineTo(to.x, to.a);
        context.lineTo(to.x, to.b);
        context.lineTo(from.x, from.b);
        context.fill();
      }
      context.restore();
    });
  }
}
