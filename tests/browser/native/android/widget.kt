@file:Suppress("UNUSED_PARAMETER", "unused")

package android.widget

import android.content.Context
import android.view.View

open class FrameLayout(context: Context) : View(context) {
    open fun addView(child: View, params: LayoutParams) {}

    open fun removeView(child: View) {}

    open fun removeAllViews() {}

    open class LayoutParams(width: Int, height: Int) {
        companion object {
            const val MATCH_PARENT = -1
        }
    }
}
