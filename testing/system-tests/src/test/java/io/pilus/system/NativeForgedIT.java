package io.pilus.system;

import io.pilus.lab.Routing;

class NativeForgedIT extends ForgedPackets {

    NativeForgedIT() {
        super("pffn", 247, Routing.NATIVE);
    }
}
