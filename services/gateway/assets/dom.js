// The few ways in which the pages make elements. Text is only ever set as text, never as markup.

export const part = (id) => document.getElementById(id);

/** An element with its properties and what is inside; strings inside become text. */
export function make(tag, props = {}, ...inside) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...inside);
  return node;
}

export const show = (id, shown) => {
  part(id).hidden = !shown;
};

/** Sets a text and hides its element while it is empty. */
export const say = (id, text) => {
  part(id).textContent = text;
  show(id, Boolean(text));
};

/** A moment, short: only the time when it is today. `text` is RFC 3339. */
export function when(text) {
  const at = new Date(text);
  const today = at.toDateString() === new Date().toDateString();
  const textContent = at.toLocaleString([], today ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' });
  return make('time', { dateTime: text, title: at.toLocaleString(), textContent });
}
