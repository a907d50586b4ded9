@file:Suppress("UNUSED_PARAMETER", "unused")

package android.webkit

import android.content.Context
import android.net.Uri
import android.view.View

annotation class JavascriptInterface

abstract class RenderProcessGoneDetail

interface WebResourceRequest {
    val url: Uri
    val isForMainFrame: Boolean
}

abstract class WebSettings {
    var javaScriptEnabled = false
    var domStorageEnabled = false
    var mediaPlaybackRequiresUserGesture = true
}

fun interface ValueCallback<T> {
    fun onReceiveValue(value: T)
}

open class WebView(context: Context) : View(context) {
    open val settings: WebSettings get() = TODO()
    open var webViewClient = WebViewClient()

    open fun addJavascriptInterface(target: Any, name: String) {}

    open fun loadUrl(url: String) {}

    open fun evaluateJavascript(script: String, callback: ValueCallback<String>?) {}

    open fun destroy() {}
}

open class WebViewClient {
    open fun shouldOverrideUrlLoading(view: WebView, request: WebResourceRequest): Boolean = false

    open fun onRenderProcessGone(view: WebView, detail: RenderProcessGoneDetail): Boolean = false
}
