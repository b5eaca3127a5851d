package httpapi

import "github.com/sojourn-auth/sojourn/internal/app"

func documentRoutes(_ *app.App) []FrontendRoute { return nil }
