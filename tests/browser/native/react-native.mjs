// Stands in for react-native, as far as the package uses it.
export const View = 'View';
export const Platform = { OS: 'ios' };
export const StyleSheet = { create: (styles) => styles };
/** What was opened outside the app. */
export const opened = [];
export const Linking = { openURL: async (url) => void opened.push(url) };
