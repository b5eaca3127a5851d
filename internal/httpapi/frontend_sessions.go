package httpapi

import "github.com/sojourn-auth/sojourn/internal/app"

func browserSessionRoutes(_ *app.App) []FrontendRoute { return nil }

func meRoutes(_ *app.App) []FrontendRoute { return nil }
