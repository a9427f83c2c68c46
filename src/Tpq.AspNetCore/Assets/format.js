// Numbers, times and sizes as people read them.

const whole = new Intl.NumberFormat('en-US');

export function count(number, isEstimate = false) {
  if (number === null || number === undefined) return '–';
  return isEstimate && number > 0 ? `~${number < 10000 ? whole.format(number) : short(number)}` : whole.format(number);
}

/** Three digits: 1.24 M */
export function short(number) {
  for (const [unit, size] of [['G', 1e9], ['M', 1e6], ['k', 1e3]]) {
    if (number >= size) return `${(number / size).toPrecision(3)} ${unit}`;
  }
  return whole.format(number);
}

export function rate(number) {
  if (!number) return '0';
  if (number < 0.05) return '<0.1';
  return number < 100 ? number.toFixed(1) : whole.format(Math.round(number));
}

/** 12 s, 4 min, 3 h 20 min, 5 d */
export function duration(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 100) return `${s} s`;
  if (s < 6000) return `${Math.floor(s / 60)} min`;
  if (s < 2 * 86400) return `${Math.floor(s / 3600)} h${s % 3600 < 60 ? '' : ` ${Math.floor(s % 3600 / 60)} min`}`;
  return `${Math.floor(s / 86400)} d`;
}

/** The age at a time in milliseconds; the server's clock, so that another one here does not matter. */
export function age(time, now) {
  const at = Date.parse(time ?? '');
  return Number.isNaN(at) ? '–' : duration((now - at) / 1000);
}

export function until(time, now) {
  const seconds = (Date.parse(time) - now) / 1000;
  return seconds <= 0 ? 'due' : `in ${duration(seconds)}`;
}

export function bytes(number) {
  return number < 1000 ? `${number} B` : `${short(number)}B`;
}

export function messages(number) {
  return number === 1 ? '1 message' : `${whole.format(number)} messages`;
}

/** Date and time here, to the second. */
export function moment(time) {
  return time ? new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' }) : '';
}
