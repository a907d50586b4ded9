// The widget's element in the page, with the button and the frame in its shadow root.

export interface Surface {
  host: HTMLElement;
  button: HTMLButtonElement;
  badge: HTMLElement;
  frame: HTMLIFrameElement;
}

const d = document;

/** Adds the element to the page, again when the page removes it: then the frame is loaded again and `onRemoved` called. */
export function buildSurface(host: HTMLElement, address: string, onRemoved: () => void): Surface {
  const root = host.attachShadow({ mode: 'open' });
  const button = Object.assign(d.createElement('button'), { type: 'button', hidden: true });
  const badge = d.createElement('span');
  button.append(badge);
  const frame = Object.assign(d.createElement('iframe'), {
    title: 'Chat',
    hidden: true,
    allow: 'autoplay',
    src: address,
  });
  root.append(frame, button);
  keepInPage(host, onRemoved);
  return { host, button, badge, frame } as Surface;
}

/** Adds the style sheet to the shadow root, once. */
export function addStyle(root: ShadowRoot, style: string, { nonce }: HTMLScriptElement) {
  if (root.querySelector('style') || root.adoptedStyleSheets?.length) return;
  try {
    // Every content security policy allows a style sheet that a script constructs.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    root.adoptedStyleSheets = [sheet];
  } catch {
    // Safari before 16.4.
    root.append(Object.assign(d.createElement('style'), { nonce, textContent: style }));
  }
}

// Turbo, htmx and others replace the whole body. After the first replacement the element is attached beside the body,
// where it survives the next ones. It isn't there from the start, since React reports an unknown element outside of the
// body while it hydrates a page.
function keepInPage(host: HTMLElement, onRemoved: () => void) {
  let parent: () => HTMLElement = () => d.body;
  const attach = () => {
    // A framework's cached page may contain a copy of the element.
    d.querySelectorAll(host.localName).forEach((other) => other.remove());
    parent().append(host);
    for (const node of [d, d.documentElement, d.body])
      if (node) watch.observe(node, { childList: true });
  };
  const watch = new MutationObserver(() => {
    if (host.isConnected) return;
    parent = () => d.documentElement;
    onRemoved();
    attach();
  });
  attach();
}
