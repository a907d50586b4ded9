@file:Suppress("UNUSED_PARAMETER", "unused")

package org.json

class JSONException(message: String) : Exception(message)

class JSONArray(values: Collection<*>)

class JSONObject {
    constructor()
    constructor(copyFrom: Map<*, *>)
    constructor(json: String)

    fun put(name: String, value: Boolean): JSONObject = this

    fun put(name: String, value: Int): JSONObject = this

    fun put(name: String, value: Any?): JSONObject = this

    fun optString(name: String): String = ""

    fun optInt(name: String): Int = 0

    fun isNull(name: String): Boolean = true

    companion object {
        @JvmStatic
        fun quote(text: String?): String = ""
    }
}
