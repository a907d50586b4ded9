// The browsers that the pages support, and a check that the code calls nothing newer.
import data from '@mdn/browser-compat-data/forLegacyNode';
import { parseAst } from 'vite';

/** The oldest supported browsers, by their names in the compatibility data. */
export const BROWSERS = { chrome: 100, firefox: 102, safari: 15.4, safari_ios: 15.4 };

/** The build rewrites newer syntax to this. These browsers have all of it except static blocks and lookbehind. */
export const TARGET = 'es2022';

/** The same for style sheets. */
export const CSS_TARGET = ['chrome100', 'firefox102', 'safari15.4', 'ios15.4'];

const LOOKBEHIND = /\(\?<[=!]/;

// Interfaces that the pages don't use, with members whose names they do use.
const UNUSED =
  /^(CSS|XR|GPU|RTC|SVG|USB|HID|Bluetooth|Payment|Audio|Video|Media|NDEF|Presentation|Launch|Navigat(e|ion)|Background)/;
// Names that are no such call, or are called only if the browser has them.
const GUARDED = {
  adoptedStyleSheets: 'the style sheet becomes an element where this throws',
  replaceSync: 'the same',
  moveBefore: 'Preact asks whether it is there',
  dispose: 'signals only offer it',
  subscribe: 'a method of signals',
  connecting: 'one of our texts',
};

const compatOf = (entry) => entry?.__compat?.support;

function isSupported(entry) {
  const support = compatOf(entry);
  return Object.entries(BROWSERS).every(([browser, oldest]) =>
    [support[browser]]
      .flat()
      .some(
        (one) =>
          one &&
          !one.flags &&
          !one.prefix &&
          !one.alternative_name &&
          (one.version_added === true ||
            Number.parseFloat(String(one.version_added).replace('≤', '')) <= oldest),
      ),
  );
}

// Members by their names only, since the code doesn't show the class of an instance.
const members = new Map();
for (const interfaces of [data.api, data.javascript.builtins]) {
  for (const [owner, entries] of Object.entries(interfaces)) {
    if (UNUSED.test(owner)) continue;
    for (const [key, entry] of Object.entries(entries)) {
      const status = entry.__compat?.status;
      if (!status?.standard_track || status.deprecated || status.experimental) continue;
      const name = key.replace(/_(static|event)$/, '');
      if (!members.has(name)) members.set(name, []);
      members.get(name).push([`${owner}.${name}`, entry]);
    }
  }
}

const staticMember = (owner, name) => {
  const [api, builtin] = [data.api[owner], data.javascript.builtins[owner]];
  return [api?.[`${name}_static`], api?.[name], builtin?.[name]].find(compatOf);
};

/** The calls of a script that one of the browsers lacks. */
export function findUnsupported(code) {
  const found = new Set();
  const visit = (node) => {
    if (!node || typeof node !== 'object') return;
    if (Array.isArray(node)) return node.forEach(visit);
    if (node.type === 'MemberExpression' && !node.computed) check(node.object, node.property.name);
    if (node.type === 'StaticBlock') found.add('a static block');
    if (node.type === 'Literal' && LOOKBEHIND.test(node.regex?.pattern ?? node.value))
      found.add('lookbehind');
    if (node.type === 'TemplateElement' && LOOKBEHIND.test(node.value.raw)) found.add('lookbehind');
    if (node.type === 'NewExpression' && node.callee.type === 'Identifier')
      checkGlobal(node.callee.name);
    for (const [key, value] of Object.entries(node)) if (key !== 'type') visit(value);
  };
  const check = (object, name) => {
    if (Object.hasOwn(GUARDED, name)) return;
    const exact =
      object.type === 'Identifier' &&
      /^[A-Z]\w\w/.test(object.name) &&
      staticMember(object.name, name);
    if (exact) return void (isSupported(exact) || found.add(`${object.name}.${name}`));
    const all = members.get(name) ?? [];
    if (all.length && !all.some(([, entry]) => isSupported(entry)))
      found.add(all.map(([full]) => full).join(' or '));
  };
  const checkGlobal = (name) => {
    const entry = [data.api[name], data.javascript.builtins[name]].find(compatOf);
    if (entry && !isSupported(entry)) found.add(name);
  };
  visit(parseAst(code));
  return [...found];
}

/** Fails the build on calls that one of the browsers lacks. */
export const supportCheck = {
  name: 'onethread-support',
  generateBundle(_, bundle) {
    for (const { fileName, code } of Object.values(bundle)) {
      const found = code ? findUnsupported(code) : [];
      if (found.length)
        this.error(
          `${fileName} has what ${CSS_TARGET.join(', ')} don't all have: ${found.join('; ')}`,
        );
    }
  },
};
