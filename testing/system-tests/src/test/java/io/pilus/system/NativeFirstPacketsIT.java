package io.pilus.system;

import io.pilus.lab.Routing;

class NativeFirstPacketsIT extends FirstPackets {

    NativeFirstPacketsIT() {
        super("pffq", 252, Routing.NATIVE);
    }
}
