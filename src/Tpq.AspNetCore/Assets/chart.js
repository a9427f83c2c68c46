// Small charts of the last minutes, as SVG.

import { svg } from './dom.js';
import { short, rate } from './format.js';

/** A path through the points, broken where a value is missing. */
function path(points, value, x, y) {
  let result = '', isDown = false;
  for (const point of points) {
    const v = value(point);
    if (v === null || v === undefined) {
      isDown = false;
      continue;
    }
    result += `${isDown ? 'L' : 'M'}${x(point.at).toFixed(1)} ${y(v).toFixed(1)}`;
    isDown = true;
  }
  return result;
}

/** Means over short times, so that a line is calm however often was looked. */
function calm(points, windowSeconds) {
  const step = windowSeconds / 75;
  const groups = [];
  for (const point of points) {
    const number = Math.floor(point.at / step);
    if (groups.at(-1)?.number === number) groups.at(-1).points.push(point);
    else groups.push({ number, points: [point] });
  }
  return groups.map(g => ({ at: g.points.at(-1).at, ready: mean(g.points, p => p.ready), in: mean(g.points, p => p.in), out: mean(g.points, p => p.out) }));
}

function mean(points, value) {
  const values = points.map(value).filter(v => v !== null && v !== undefined);
  return values.length === 0 ? null : values.reduce((a, b) => a + b) / values.length;
}

function most(points, ...values) {
  return Math.max(0, ...points.flatMap(p => values.map(v => v(p) ?? 0)));
}

/** A line of the depth with the area below it, in a table's cell. */
export function sparkline(all, windowSeconds, end) {
  const points = calm(all, windowSeconds);
  const width = 120, height = 22;
  const top = most(points, p => p.ready);
  const chart = svg('svg', { class: 'spark', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  if (points.length < 2 || top === 0) {
    chart.append(svg('path', { class: 'flat', d: `M0 ${height - 1.5}H${width}` }));
    return chart;
  }
  const x = at => width * (1 - (end - at) / windowSeconds), y = v => height - 1.5 - v / top * (height - 4);
  const line = path(points, p => p.ready, x, y);
  chart.append(
    svg('path', { class: 'area', d: `M${x(points[0].at).toFixed(1)} ${height}${line.replace(/^M/, 'L')}L${x(points.at(-1).at).toFixed(1)} ${height}Z` }),
    svg('path', { class: 'line', d: line }));
  return chart;
}

/** A chart with a scale: one or two lines of [name, class, value of a point]. */
export function chart(title, all, lines, windowSeconds, end, isRate) {
  const points = calm(all, windowSeconds);
  const width = 560, height = 120, left = 44, bottom = 18;
  const top = nice(most(points, ...lines.map(l => l[2])));
  const x = at => left + (width - left - 6) * (1 - (end - at) / windowSeconds), y = v => 8 + (height - bottom - 8) * (1 - v / top);
  const label = isRate ? rate : short;
  const result = svg('svg', { class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title });
  for (const part of [0, 0.5, 1]) {
    result.append(
      svg('path', { class: 'grid', d: `M${left} ${y(top * part)}H${width - 6}` }),
      svg('text', { x: left - 6, y: y(top * part) + 3.5, 'text-anchor': 'end' }, label(top * part)));
  }
  for (let minute = 0; minute * 60 < windowSeconds; minute++) {
    const at = x(end - minute * 60);
    result.append(svg('text', { x: at, y: height - 4, 'text-anchor': minute === 0 ? 'end' : 'middle' }, minute === 0 ? 'now' : `−${minute} min`));
  }
  for (const [, name, value] of lines) result.append(svg('path', { class: `line ${name}`, d: path(points, value, x, y) }));
  return result;
}

/** The next round number, so that the scale does not jump. */
function nice(value) {
  if (value <= 1) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].find(n => n * size >= value) * size;
}
