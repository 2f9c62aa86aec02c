package bus

// FramesSubscriptions is how many subscriptions the connection has that publishes frames.
func (c *Conn) FramesSubscriptions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames.NumSubscriptions()
}
