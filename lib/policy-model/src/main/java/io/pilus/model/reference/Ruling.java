package io.pilus.model.reference;

import io.pilus.model.CellAction;
import io.pilus.model.RuleRef;
import java.util.Optional;

/**
 * What becomes of a packet.
 *
 * @param rule which rule, or default denial, decided; none for the node and for what nothing isolates
 */
public record Ruling(CellAction action, Optional<RuleRef> rule) {}
