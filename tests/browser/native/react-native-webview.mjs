// A mock of react-native-webview: records the props and the scripts, and can be connected to a page in a browser.
import { Component } from 'react';

/** The mounted web views. */
export const views = [];

export class WebView extends Component {
  scripts = [];
  reloads = 0;
  run = () => {};

  componentDidMount() {
    views.push(this);
  }

  componentWillUnmount() {
    views.splice(views.indexOf(this), 1);
  }

  injectJavaScript(script) {
    this.scripts.push(script);
    this.run(script);
  }

  reload() {
    this.reloads++;
  }

  /** A message of the page by `ReactNativeWebView.postMessage`. */
  say(message) {
    this.props.onMessage({
      nativeEvent: { data: typeof message === 'string' ? message : JSON.stringify(message) },
    });
  }

  render() {
    return null;
  }
}
