// The customer's page around the frame: what it asks for, and what it is told. Messages count only from the window
// and the origin that spoke first.
import type { EventName, FromFrame, FromPage } from '../shared/protocol';

let host: string | undefined;

/** Whether the chat is the whole page of an app's web view: there is nothing to close it to. */
export const alone = wholePage();

function wholePage() {
  try {
    return parent !== window && parent.location.pathname === '/widget/app';
  } catch {
    // A page of another origin, which is none of ours.
    return false;
  }
}

export function tellPage(said: FromFrame) {
  if (host === undefined) return;
  // A page from a file has the opaque origin "null", which can't be addressed.
  parent.postMessage(said, host === 'null' ? '*' : host);
}

export const tellEvent = (name: EventName, detail?: unknown) => tellPage({ onethread: 'event', name, detail });

/** Hands on what the page says, and lets it know that the frame listens. */
export function hearPage(hear: (said: FromPage) => void) {
  addEventListener('message', ({ source, origin, data }: MessageEvent) => {
    if (source !== parent || (host !== undefined && origin !== host) || typeof data?.onethread !== 'string') return;
    host = origin;
    hear(data as FromPage);
  });
  parent.postMessage({ onethread: 'ready' } satisfies FromFrame, '*');
}
