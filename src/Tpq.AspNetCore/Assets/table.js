// A table with rows that are kept by a key, and columns that sort it.

import { h, setText } from './dom.js';

/**
 * columns: [{ key, title, class, sort: row => value, isDescending, render: (row, cell) => void }]
 * rows are given to update(); a row's element is made once and its cells are rendered again only where asked for.
 */
export class Table {
  #columns; #key; #body; #rows = new Map(); #sort; #heads = new Map();

  constructor({ label, columns, key, sort, onsort }) {
    this.#columns = columns;
    this.#key = key;
    this.#sort = sort ?? null;
    this.onsort = onsort;
    this.#body = h('tbody');
    this.element = h('table', { 'aria-label': label }, h('thead', null, h('tr', null, columns.map(c => this.#head(c)))), this.#body);
    this.#mark();
  }

  #head(column) {
    const head = h('th', { scope: 'col', class: classOf(column) },
      column.sort ? h('button', { type: 'button', onclick: () => this.#by(column) }, column.title, h('span', { class: 'arrow', 'aria-hidden': 'true' })) : column.title);
    this.#heads.set(column.key, head);
    return head;
  }

  #by(column) {
    const isSame = this.#sort?.key === column.key;
    this.#sort = { key: column.key, isDescending: isSame ? !this.#sort.isDescending : column.isDescending ?? false };
    this.#mark();
    this.onsort?.(this.#sort);
    this.arrange();
  }

  #mark() {
    for (const [key, head] of this.#heads) {
      if (key === this.#sort?.key) head.setAttribute('aria-sort', this.#sort.isDescending ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    }
  }

  /** Takes these rows, and renders those of changed (a set of keys; null for all). */
  update(rows, changed = null) {
    const keys = new Set();
    for (const row of rows) {
      const key = this.#key(row);
      keys.add(key);
      const known = this.#rows.get(key);
      if (!known) this.#rows.set(key, this.#make(row));
      else {
        known.row = row;
        if (!changed || changed.has(key)) this.#render(known);
      }
    }
    for (const [key, known] of this.#rows) {
      if (keys.has(key)) continue;
      known.element.remove();
      this.#rows.delete(key);
    }
    this.arrange();
  }

  #make(row) {
    const cells = this.#columns.map(c => h(c.isHead ? 'th' : 'td', { class: classOf(c), scope: c.isHead ? 'row' : null, 'data-label': c.title }));
    const made = { row, cells, element: h('tr', null, cells) };
    this.#render(made);
    return made;
  }

  #render(known) {
    this.#columns.forEach((column, i) => column.render(known.row, known.cells[i]));
  }

  /** Renders one column again, for the rows on the screen. */
  refresh(key, isVisible) {
    const index = this.#columns.findIndex(c => c.key === key);
    for (const known of this.#rows.values()) {
      if (isVisible(known.element)) this.#columns[index].render(known.row, known.cells[index]);
    }
  }

  /** Puts the rows in order, and moves none that is in its place. */
  arrange() {
    const rows = [...this.#rows.values()];
    const column = this.#columns.find(c => c.key === this.#sort?.key);
    if (column) {
      const direction = this.#sort.isDescending ? -1 : 1;
      rows.sort((a, b) => direction * compare(column.sort(a.row), column.sort(b.row)) || compare(this.#key(a.row), this.#key(b.row)));
    }
    let next = this.#body.firstChild;
    for (const { element } of rows) {
      if (element === next) next = next.nextSibling;
      else this.#body.insertBefore(element, next);
    }
  }

  get rows() {
    return [...this.#rows.values()];
  }
}

function classOf(column) {
  return `${column.key} ${column.class ?? ''}`.trim();
}

/** What is missing comes first, so last where it matters: most tables begin with the largest. */
function compare(a, b) {
  if (a === b) return 0;
  if (a === null || a === undefined) return -1;
  if (b === null || b === undefined) return 1;
  return a < b ? -1 : 1;
}

/** A renderer of plain text. */
export function text(value) {
  return (row, cell) => setText(cell, value(row));
}
