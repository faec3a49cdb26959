package io.pilus.model;

import java.util.List;

/**
 * How a table in force changes without being replaced.
 *
 * @param changes to be made in this order: cells stand before an entry leads to them
 * @param takesAway whether something that was allowed may now be denied, so that open connections must be judged again
 */
public record TableDelta(List<MapChange> changes, boolean takesAway) {

    static final TableDelta NOTHING = new TableDelta(List.of(), false);

    public TableDelta {
        changes = List.copyOf(changes);
    }
}
