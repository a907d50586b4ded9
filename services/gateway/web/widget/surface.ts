// What the widget adds to the page: one element with the button and the frame in its shadow.

export interface Surface {
  host: HTMLElement;
  button: HTMLButtonElement;
  badge: HTMLElement;
  frame: HTMLIFrameElement;
}

const d = document;

/** Builds the element and keeps it in the page; `lost` is called when the page took it out and the frame starts over. */
export function buildSurface(host: HTMLElement, address: string, lost: () => void): Surface {
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
  keepInPage(host, lost);
  return { host, button, badge, frame } as Surface;
}

/** Gives the element its style sheet. */
export function dress(root: ShadowRoot, style: string, { nonce }: HTMLScriptElement) {
  if (root.querySelector('style') || root.adoptedStyleSheets?.length) return;
  try {
    // A sheet made by script is allowed by every content policy.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    root.adoptedStyleSheets = [sheet];
  } catch {
    // Safari before 16.4.
    root.append(Object.assign(d.createElement('style'), { nonce, textContent: style }));
  }
}

// Turbo, htmx and others replace the whole body. Beside it the element outlives the next replacement; at first it goes
// into the body, since React finds fault with anything beside it while it takes over a page.
function keepInPage(host: HTMLElement, lost: () => void) {
  let parent: () => HTMLElement = () => d.body;
  const attach = () => {
    // A framework's copy of an earlier page may hold a copy of ours.
    d.querySelectorAll(host.localName).forEach((other) => other.remove());
    parent().append(host);
    for (const node of [d, d.documentElement, d.body])
      if (node) watch.observe(node, { childList: true });
  };
  const watch = new MutationObserver(() => {
    if (host.isConnected) return;
    parent = () => d.documentElement;
    lost();
    attach();
  });
  attach();
}
