// Pages like those of real customers: on another site than the server, cross-origin isolated, with a strict content
// policy, and with frameworks that replace the page or run the snippet again.
import { site, snippet, snippetCode } from './harness.mjs';

const NONCE = 'r4nd0m';
const STRICT = `default-src 'self'; script-src 'nonce-${NONCE}' 'strict-dynamic'; style-src 'self'; img-src data:; base-uri 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'`;

/** Serves the pages, each with the snippet of a visitor. */
export function hostPages({ base, demo }) {
  const snippetFor = (user, nonce) => snippet(base, demo, user, nonce);
  const isolated = (policy) => ({
    'Cross-Origin-Embedder-Policy': policy,
    'Cross-Origin-Opener-Policy': 'same-origin',
  });
  return site(
    {
      '/plain': snippetFor({}),
      '/require-corp': { body: snippetFor({}), headers: isolated('require-corp') },
      '/credentialless': { body: snippetFor({}), headers: isolated('credentialless') },
      '/strict': {
        body: snippetFor({}, NONCE),
        headers: { 'Content-Security-Policy': `${STRICT}; frame-src ${base}` },
      },
      '/turbo': {
        head: '<script src="/lib/turbo.js"></script>',
        body: `<a href="/turbo/next">next</a>${snippetFor({})}`,
      },
      '/turbo/next': {
        head: '<script src="/lib/turbo.js"></script>',
        body: `<a href="/turbo">back</a>${snippetFor({})}`,
      },
      '/turbo-head': {
        head: `<script src="/lib/turbo.js"></script>${snippetFor({})}`,
        body: '<a href="/turbo-head/next">next</a>',
      },
      '/turbo-head/next': {
        head: `<script src="/lib/turbo.js"></script>${snippetFor({})}`,
        body: '<a href="/turbo-head">back</a>',
      },
      '/react': {
        body: `<div id="root"></div><script src="/lib/react.js"></script><script src="/lib/react-dom.js"></script><script>${reactPage(base, demo)}</script>`,
      },
      '/twice': snippetFor({}) + snippetFor({}),
    },
    { host: 'localhost' },
  );
}

/** A React page whose effect runs the snippet: twice at the start, since StrictMode repeats effects. */
function reactPage(base, demo) {
  const code = JSON.stringify(snippetCode(demo, {})).replaceAll('<', '\\u003c');
  return `function Page() {
    React.useEffect(() => {
      const stub = document.createElement('script');
      stub.text = ${code};
      const script = document.createElement('script');
      script.src = '${base}/widget.js';
      document.body.append(stub, script);
    }, []);
    return React.createElement('h1', null, 'A shop');
  }
  ReactDOM.createRoot(document.getElementById('root')).render(React.createElement(React.StrictMode, null, React.createElement(Page)));`;
}
