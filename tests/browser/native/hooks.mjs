// Resolves the modules of a React Native app for the package under test: React itself, and mocks of the others.
const OURS = {
  'react-native': new URL('react-native.mjs', import.meta.url).href,
  'react-native-webview': new URL('react-native-webview.mjs', import.meta.url).href,
};

export function resolve(specifier, context, next) {
  if (Object.hasOwn(OURS, specifier)) return { url: OURS[specifier], shortCircuit: true };
  if (specifier === 'react') return next(specifier, { ...context, parentURL: import.meta.url });
  return next(specifier, context);
}
