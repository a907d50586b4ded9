@file:Suppress("UNUSED_PARAMETER", "unused")

package android.view

import android.content.Context

open class View(val context: Context) {
    open fun post(action: Runnable): Boolean = true
}
